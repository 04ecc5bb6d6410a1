"""Pictures for `--plot`: one way to make a figure, and one to have it as bytes that are the same each time."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from camslice.fleet.errors import CamsliceError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure() -> Figure:
    """An empty figure. Raises CamsliceError without the extra `plot`."""
    try:
        import matplotlib as mpl

        mpl.use("Agg")
        from matplotlib.figure import Figure
    except ImportError:
        raise CamsliceError(
            "--plot needs matplotlib; install it with `pip install 'camslice[plot]'`, or leave --plot out."
        ) from None
    return Figure(figsize=(8, 5), layout="constrained")


def drawn(figure: Figure, kind: str) -> bytes:
    """The figure as `svg` or `png`: of the same figures the same bytes."""
    import matplotlib as mpl

    picture = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "camslice"}):
        figure.savefig(picture, format=kind, metadata={"Date": None} if kind == "svg" else {"Software": None})
    return picture.getvalue()
