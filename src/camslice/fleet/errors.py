"""The one family of errors a user may see: what was wrong, where, and what to do about it."""

from __future__ import annotations


class CamsliceError(Exception):
    """A mistake or a lack that one sentence explains. The command line prints it and exits with `exit_code`."""

    exit_code = 2


class FleetError(CamsliceError):
    """fleet.yaml does not say something we can run."""


class ModelError(CamsliceError):
    """A model cannot be found, fetched, read or understood."""


class SourceError(CamsliceError):
    """A camera's source cannot be opened or is not video. The message never holds a credential."""


class EngineError(CamsliceError):
    """A model cannot be loaded on the device asked for, or the device failed."""


class EngineAwayError(EngineError):
    """The process or server that runs the model is out of reach. It is looked for again; what it held has failed."""


class TooLateError(EngineError):
    """A request was given up before it was computed: its answer could no longer be in time."""


class ProfileError(CamsliceError):
    """A profile cannot be read, or is not sound."""


class CatalogueError(CamsliceError):
    """A catalogue cannot be read, or is not sound."""


class PlanError(CamsliceError):
    """A plan cannot be made from what was given, or a plan file cannot be read."""


class ClusterError(CamsliceError):
    """A cluster cannot be asked, or cannot do what is wanted, or an object in it is not sound."""


class StoreError(CamsliceError):
    """Results cannot be written where the user wants them."""


class MachineError(CamsliceError):
    """This machine lacks something the work needs (memory, a port, shared memory, disk)."""
