"""What a stream knows between two frames: what it found where, what moved since, and how much of the next frame to look at."""
