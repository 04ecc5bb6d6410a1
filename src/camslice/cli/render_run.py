"""What `render` does: read the plan and its fleet, render, write the files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from camslice.cli.output import print_json, stderr
from camslice.cluster.manifest_yaml import manifest_text
from camslice.cluster.nodes.settings import NodeSettings
from camslice.cluster.objects import WeightsFrom
from camslice.cluster.rendering import DEFAULT_IMAGE, Rendered, RenderSettings, rendered
from camslice.cluster.wire import object_name
from camslice.fleet.errors import ClusterError, ModelError
from camslice.fleet.spec import load_fleet
from camslice.fleet.types import Fleet
from camslice.models.catalogue import load_catalogue as load_models
from camslice.plan.catalogue.load import load_catalogue
from camslice.plan.plan import Plan
from camslice.plan.plan_yaml import load_plan

VALUES_FILE = "values/device-plugin.yaml"
PREVIEW_FILE = "preview/pods.yaml"
"""In folders of their own, which `kubectl apply -f DIR` leaves alone: they are not to be applied."""
_MARK = "# written by `camslice render`; the next call replaces it\n"


@dataclass(frozen=True, slots=True)
class Asked:
    """The options as they were written; see `camslice render --help`."""

    plan: Path
    out: Path | None
    fleet: Path | None
    name: str | None
    namespace: str
    image: str | None
    catalogue: Path | None
    weights: tuple[str | None, str | None, str | None, str | None]
    cluster_name: str
    role: str


def run_render(asked: Asked, *, preview_pods: bool, as_json: bool) -> None:
    """Render and write. Raises CamsliceError."""
    if asked.out is None:
        raise ClusterError("--out is missing; name the folder to write to.")
    made = render_plan(asked)
    texts = {name: _yaml(objects) for name, objects in made.files.items()}
    if made.values is not None:
        texts[VALUES_FILE] = _MARK + manifest_text(made.values)
    if preview_pods:
        from camslice.cluster.pods import preview

        texts[PREVIEW_FILE] = _yaml(preview(made.fleet, made.cameras))
    _write(asked.out, texts)
    files = sorted(str(asked.out / name) for name in texts)
    if as_json:
        print_json({"files": files, "warnings": list(made.warnings)})
        return
    for file in files:
        print(file)  # noqa: T201 - the command's answer
    for warning in made.warnings:
        stderr().print(f"note: {warning}", soft_wrap=True, markup=False, highlight=False)


def render_plan(asked: Asked) -> Rendered:
    """What the plan asks for, from the files that the options name. Raises CamsliceError."""
    plan = load_plan(asked.plan)
    path = fleet_path(asked.plan, plan, asked.fleet)
    fleet = load_fleet(path, _AnyVariable())
    claim, image, url, fetcher = asked.weights
    if sum(each is not None for each in (claim, image, url)) > 1:
        raise ClusterError("weights come from one place; give one of --weights-claim, --weights-image and --weights-url.")
    if (url is None) != (fetcher is None):
        raise ClusterError("--weights-url and --weights-fetcher go together: the fetcher is the image that copies.")
    settings = RenderSettings(
        object_name(asked.name or path.stem),
        asked.namespace,
        asked.image or DEFAULT_IMAGE,
        WeightsFrom(claim, image, url, fetcher),
        NodeSettings(asked.cluster_name, asked.role),
        _hashes(fleet),
    )
    return rendered(plan, fleet, load_catalogue(asked.catalogue), settings)


def fleet_path(plan_path: Path, plan: Plan, given: Path | None) -> Path:
    """Where the plan's fleet file lies, unchanged since. Raises ClusterError."""
    if plan.fleet is None:
        if given is None:
            raise ClusterError(f"{plan_path}: it does not say which fleet it is for; name the file with --fleet.")
        return given
    path = given or plan_path.parent / plan.fleet.path
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        raise ClusterError(f"{path}: the plan's fleet file is not there; name it with --fleet.") from None
    if found != plan.fleet.sha256:
        raise ClusterError(f"{path}: the fleet was changed after it was planned; plan it again.")
    return path


def _hashes(fleet: Fleet) -> dict[str, str]:
    known = {entry.name: entry for entry in load_models().entries}
    found: dict[str, str] = {}
    for name, model in fleet.models.items():
        if "/" in model.weights:
            path = Path(model.weights)
            if not path.is_file():
                raise ModelError(f"model {name}: {path}: there is no such file.")
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif model.weights in known and len(known[model.weights].files) == 1:
            found[name] = known[model.weights].files[0].sha256
    return found


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    try:
        for place in (folder, *((folder / name).parent for name in (VALUES_FILE, PREVIEW_FILE))):
            for old in place.glob("*.yaml"):
                if str(old.relative_to(folder)) not in texts and old.read_text("utf-8").startswith(_MARK):
                    old.unlink()
        for name, text in texts.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, "utf-8")
    except OSError as error:
        raise ClusterError(f"--out {folder}: it cannot be written ({error.strerror}); name another folder.") from None


def _yaml(objects: list[dict[str, Any]]) -> str:
    return _MARK + "---\n".join(manifest_text(each) for each in objects)


class _AnyVariable(Mapping[str, str]):
    """Every variable is set: what a source's `${NAME}` stands for is the cluster's business."""

    def __getitem__(self, name: str) -> str:
        return f"set-{name}".lower()

    def __contains__(self, name: object) -> bool:
        return name != "HOME"

    def get(self, name: str, default: Any = None) -> Any:
        return default if name == "HOME" else self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0
