"""Which nodes, how many, and which stream where."""
