"""Where pictures come from: one small file per kind of source, and `open_source` that chooses."""
