"""Which pod analyses which stream: sticky, with the fewest moves, and never more than a plan verified."""
