"""What happened, and where it is written down: sinks for results."""
