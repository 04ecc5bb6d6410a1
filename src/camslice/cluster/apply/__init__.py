"""Applying rendered objects: what changed, what is no longer wanted, revisions to go back to."""
