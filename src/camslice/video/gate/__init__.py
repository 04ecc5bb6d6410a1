"""What moves in front of a camera, told from a small luma picture, so that a detector need not look where nothing does."""
