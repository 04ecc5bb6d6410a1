"""What it cost and how good it was: memory, sustainable rates, accuracy."""
