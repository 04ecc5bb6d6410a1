"""Which stream goes to which node, once it is known what each node holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from camslice.plan.optimise.problem import Shape


def place(
    shapes: Sequence[Shape],
    streams: Mapping[str, Sequence[str]],
    names: Sequence[str],
    current: Mapping[str, str] | None = None,
) -> list[tuple[tuple[str, ...], ...]]:
    """For each shape, for each of its nodes, the streams on it. `streams`: by class, as CAMERA/MODEL; `names`: of the classes,
    in the order of `Contents`."""
    left = {name: iter(each) for name, each in streams.items()}
    return [
        tuple(
            tuple(next(left[name]) for name, held in zip(names, shape.contents, strict=True) for _ in range(held))
            for _ in range(shape.count)
        )
        for shape in shapes
    ]
