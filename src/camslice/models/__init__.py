"""Weights: where they come from, what they answer, and what their outputs mean."""
