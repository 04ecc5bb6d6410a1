"""plan.yaml in and out. The same plan gives the same bytes; a file of another schema, or with other keys, is refused."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

import camslice.fleet.types
import camslice.plan.plan
from camslice.fleet.dataclass_border import first_fault, plain_fields
from camslice.fleet.errors import PlanError
from camslice.plan.plan import Plan

SCHEMA = "camslice.plan/1"
_LARGEST_FILE_BYTES = 256_000_000
_WIDTH = 120


def plan_object(plan: Plan) -> dict[str, object]:
    """The plan as plain values."""
    return {"schema": SCHEMA, **plain_fields(plan)}


def plan_text(plan: Plan) -> str:
    """The text of plan.yaml. What a reader must know first stands first, as comments."""
    head = "".join(f"# {remark}\n" for remark in plan.remarks)
    dumped: str = yaml.dump(plan_object(plan), Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=_WIDTH)
    return head + dumped


def load_plan(path: Path) -> Plan:
    """The plan in that file. Raises PlanError in one sentence."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE_BYTES + 1)
        if len(content) > _LARGEST_FILE_BYTES:
            raise PlanError(f"{path}: this is larger than a plan can be (256 MB); check that it is the right file.")
        return parse_plan(content.decode("utf-8"), str(path))
    except FileNotFoundError:
        raise PlanError(f"{path}: there is no such file; write one with `camslice plan FLEET --out {path}`.") from None
    except UnicodeDecodeError:
        raise PlanError(f"{path}: this is not UTF-8 text; check that it is the right file.") from None
    except OSError as error:
        raise PlanError(f"{path}: it cannot be read ({error.strerror}); give a readable plan.") from None


def parse_plan(text: str, origin: str) -> Plan:
    """The plan that `text` holds. `origin` names it in errors. Raises PlanError."""
    advice = "write it again with `camslice plan`"
    try:
        data = yaml.load(text, Loader=_loader())  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = "" if line is None else f" (line {line + 1})"
        raise PlanError(f"{origin}: this is not YAML{where}; {advice}.") from None
    except RecursionError:
        raise PlanError(f"{origin}: this is no plan; {advice}.") from None
    if not isinstance(data, dict) or "schema" not in data:
        raise PlanError(f"{origin}: this is no plan, for it names no schema; {advice}.")
    if (schema := data.pop("schema")) != SCHEMA:
        raise PlanError(f"{origin}: its schema is {schema!r}, and this camslice reads {SCHEMA}; {advice}.")
    try:
        plan = _adapter().validate_python(data)
    except ValidationError as error:
        raise PlanError(f"{origin}: {first_fault(error, (camslice.plan.plan, camslice.fleet.types))}.") from None
    for fault in _faults(plan):
        raise PlanError(f"{origin}: {fault}; {advice}.")
    return plan


def _faults(plan: Plan) -> Iterator[str]:
    known = {each.name: each.streams for each in plan.classes}
    placed = dict.fromkeys(known, 0)
    for node in plan.nodes:
        for name, streams in node.contents.items():
            if name not in known:
                yield f"nodes: {node.shape} holds streams of {name}, which is no class of this plan"
                return
            placed[name] += streams * node.count
        if node.placements and len(node.placements) != node.count:
            yield f"nodes: {node.shape} has {node.count} nodes and placements for {len(node.placements)}"
    for name, streams in known.items():
        held = sum(len(each) for node in plan.nodes for each in node.placements)
        if plan.feasible and (placed[name] < streams or held < sum(known.values())):
            yield f"nodes: they hold {placed[name]} of the {streams} streams of {name}"
            return


@cache
def _adapter() -> TypeAdapter[Plan]:
    return TypeAdapter(Plan)


@cache
def _dumper() -> type[yaml.SafeDumper]:
    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc] # the compiled one where it exists
        def ignore_aliases(self, _data: object) -> bool:
            return True

        def represent_list(self, data: list[object]) -> yaml.Node:
            small = all(not isinstance(each, list | dict) for each in data)
            node: yaml.Node = self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=small)
            return node

    Dumper.add_representer(list, Dumper.represent_list)
    return Dumper


def _loader() -> type[yaml.SafeLoader]:
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)
