"""A model on a device that answers batches."""
