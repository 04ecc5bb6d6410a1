"""One node under load, event by event."""
