"""What the optimiser is asked, and what it answers: classes of streams, ways to rent a node, and node shapes.

Times and latencies are not in here: they were turned into shares of a node's resources before (`capacity`), and a simulation
judges afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from camslice.fleet.types import Topology
from camslice.plan.catalogue.instance_type import Purchase

Contents = tuple[int, ...]
"""How many streams of each class a node holds, in the order of the problem's classes."""


@dataclass(frozen=True, slots=True)
class StreamClass:
    """`count` streams that are alike: one model, one rate, one format, one objective."""

    name: str
    model: str
    count: int


@dataclass(frozen=True, slots=True)
class Option:
    """One way to have a node: an instance type, how it is paid for and where, and how its accelerator is shared.

    `use[c][r]`: the share (of 1.0) of resource r that one stream of class c takes; infinite: it cannot be carried.
    `fixed[c][r]`: what is taken once if any stream of class c's model is there (an engine's memory); equal for the classes of
    one model. `most[c]`: the most streams of class c alone, whatever the shares say. `resources` names the columns.
    """

    name: str
    instance_type: str
    topology: Topology
    streams_per_pod: int
    purchase: Purchase
    region: str
    usd_per_month: float
    resources: tuple[str, ...]
    use: tuple[tuple[float, ...], ...]
    fixed: tuple[tuple[float, ...], ...]
    most: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """`count` nodes of one option, all with the same contents."""

    option: Option
    contents: Contents
    count: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Put every stream of every class somewhere, as cheaply as possible.

    `fits` has the last word on what a node may hold (whole pods, verdicts of earlier simulations): the solver calls it for
    the shapes that it means to use and takes nothing that it refuses. What it accepts also keeps shares and `most`, and it
    accepts less wherever it accepts more. `kept` nodes stand already and stay, with their contents or less; they are part
    of the cost, but do not count among the `most_shapes` different shapes. `spare`: so many nodes more, each able to take
    the contents of any one node.
    """

    classes: tuple[StreamClass, ...]
    options: tuple[Option, ...]
    most_shapes: int = 12
    spare: int = 0
    kept: tuple[Shape, ...] = ()
    fits: Callable[[Option, Contents], bool] = field(default=lambda _option, _contents: True)


@dataclass(frozen=True, slots=True)
class Solution:
    """`optimal`: proven so, the limit on shapes included. `lower_bound_usd_per_month`: nothing cheaper exists, by proof,
    not even with more shapes than are allowed.

    `shapes` hold every stream exactly once, `kept` ones included; `spares` are the spare nodes, empty, and there are none
    if no option can take what each of the others holds. Both may exceed `most_shapes` where nothing was found that does
    not. `unplaced` counts by class the streams that no option can carry (then there is no plan). `seconds` says how long
    the solver took; it is no part of what makes two solutions equal. `shape_limit_usd_per_month`: by how much the cheapest
    nodes that were found without a limit on shapes are cheaper.
    """

    shapes: tuple[Shape, ...]
    spares: tuple[Shape, ...]
    usd_per_month: float
    lower_bound_usd_per_month: float
    optimal: bool
    solver: str
    seconds: float = field(compare=False)
    unplaced: Contents
    shape_limit_usd_per_month: float = 0.0
