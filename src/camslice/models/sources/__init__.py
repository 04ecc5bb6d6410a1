"""Places that a model or clip can be fetched from, one file each. Every one puts a single file into a work folder."""
