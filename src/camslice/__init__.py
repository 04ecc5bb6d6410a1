"""camslice: object detection on a fleet of cameras at the lowest cost per camera."""

__version__ = "0.1.0"
