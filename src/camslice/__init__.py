"""camslice: object detection on a fleet of cameras at the lowest cost per camera."""

from camslice.engine.telemetry import switch_off_telemetry

__version__ = "0.1.0"

switch_off_telemetry()  # before anything of camslice can import a library that reports
