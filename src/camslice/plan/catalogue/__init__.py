"""Instance types and what they cost by the hour."""
