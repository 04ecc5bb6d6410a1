"""What nodes and all that stands around them cost in a month, line by line."""
