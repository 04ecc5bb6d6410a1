"""A model on a device that answers batches. Whatever is imported from here, its libraries' telemetry is off by then."""

from camslice.engine.telemetry import switch_off_telemetry

switch_off_telemetry()
