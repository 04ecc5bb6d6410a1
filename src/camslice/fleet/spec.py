"""fleet.yaml in, frozen values out: the border between what a user wrote and what every room works with.

YAML with lines (`yaml_lines`), validation by pydantic (`spec_keys`), sentences for what is wrong (`spec_errors`), and what
spans several keys (`spec_cameras`, `spec_sources`). Whatever is wrong, only FleetError comes out, with one line for each
mistake and never a credential.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from camslice.fleet.errors import FleetError
from camslice.fleet.secret_files import variables
from camslice.fleet.spec_cameras import CameraList
from camslice.fleet.spec_errors import raise_all, sentences
from camslice.fleet.spec_keys import CameraKeys, FleetKeys, ModelKeys
from camslice.fleet.spec_planning import planning
from camslice.fleet.spec_server import ServerDeclarations
from camslice.fleet.spec_sources import resolved, store_url, weights_path
from camslice.fleet.types import (
    Backend,
    CameraSpec,
    Fleet,
    JsonlSink,
    Machine,
    ModelSpec,
    Objective,
    Pace,
    Precision,
    Server,
    Store,
    Topology,
)
from camslice.fleet.yaml_lines import Document, read_yaml

_LARGEST_FILE_BYTES = 16_000_000


def load_fleet(path: Path, environ: Mapping[str, str] | None = None) -> Fleet:
    """Read a fleet file. `${NAME}` in sources and in the store's URL comes from `environ` (None: the files of
    CAMSLICE_SECRETS_DIR, then the environment); paths begin at the file's folder.

    Raises FleetError with one line for each mistake.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE_BYTES + 1)
        if len(content) > _LARGEST_FILE_BYTES:
            raise FleetError(f"{path}: this is larger than a fleet can be (16 MB); check that it is the right file.")
        text = content.decode("utf-8-sig")
    except FileNotFoundError:
        raise FleetError(f"{path}: there is no such file; give the path of a fleet file.") from None
    except UnicodeDecodeError:
        raise FleetError(f"{path}: this is not UTF-8 text; save it as UTF-8, or check that it is the right file.") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its name is not one"
        raise FleetError(f"{path}: it cannot be read ({reason}); give a readable fleet file.") from None
    return parse_fleet(text, path.parent.resolve(), variables() if environ is None else environ, str(path))


def parse_fleet(text: str, base_dir: Path, environ: Mapping[str, str], origin: str) -> Fleet:
    """The fleet that `text` declares. `origin` names it in errors; nothing is read but `text`.

    Raises FleetError with one line for each mistake.
    """
    document = read_yaml(text, origin)
    if document.data is None:
        raise FleetError(f"{origin}: this is empty; write at least models and cameras.")
    if not isinstance(document.data, dict):
        raise FleetError(f"{document.place(())}: a fleet is a mapping; begin with keys such as models: and cameras:.")
    try:
        keys = FleetKeys.model_validate(document.data)
    except ValidationError as error:
        raise_all(sentences(error, FleetKeys, document))
        raise
    return _fleet(keys, document, base_dir, environ)


def parse_camera(
    data: Mapping[str, object], fleet: Fleet, base_dir: Path, environ: Mapping[str, str]
) -> tuple[CameraSpec, ...]:
    """The camera (with `count`, the cameras) that `data` declares in the form of an entry of `cameras`, to join `fleet`.

    What a stranger may send should get an empty `environ`, lest `${NAME}` carry this machine's secrets to an address of his.
    Raises FleetError with one line for each mistake.
    """
    document = Document("camera", dict(data))
    try:
        keys = CameraKeys.model_validate(document.data)
    except ValidationError as error:
        raise_all(sentences(error, CameraKeys, document))
        raise
    taken = {camera.name: "a camera of this fleet" for camera in fleet.cameras}
    cameras = CameraList(document, fleet.models, fleet.objective, base_dir, environ, taken=taken)
    cameras.add(keys, ())
    raise_all(cameras.mistakes)
    return tuple(cameras.cameras)


def _fleet(keys: FleetKeys, document: Document, base_dir: Path, environ: Mapping[str, str]) -> Fleet:
    objective = Objective(
        keys.objective.latency_ms,
        keys.objective.percentile,
        keys.objective.drop_rate,
        keys.objective.usd_per_camera_month,
        keys.objective.recall,
    )
    cameras = CameraList(document, keys.models, objective, base_dir, environ)
    for index, camera in enumerate(keys.cameras):
        cameras.add(camera, ("cameras", index))
    servers = ServerDeclarations(document, base_dir, environ)
    server_of = {name: servers.read(name, model) for name, model in keys.models.items()}
    mistakes = servers.mistakes + cameras.mistakes
    store = None
    if keys.store is not None:
        try:
            store = Store(store_url(keys.store.url, base_dir, environ), keys.store.keep_days, keys.store.keep_mb)
        except ValueError as error:
            mistakes.append(f"{document.place(('store',))}: {error}.")
    raise_all(mistakes)
    return Fleet(
        objective=objective,
        models={name: _model(name, model, server_of[name], base_dir, environ) for name, model in keys.models.items()},
        cameras=tuple(cameras.cameras),
        pace=Pace(keys.pace),
        topology=Topology(keys.topology),
        workers=None if keys.workers == "auto" else keys.workers,
        streams_per_pod=keys.streams_per_pod,
        machine=None if keys.machine is None else Machine(keys.machine.usd_per_hour),
        store=store,
        sinks=tuple(JsonlSink(resolved(sink.jsonl, base_dir, environ)) for sink in keys.sinks),
        planning=planning(keys.planning),
        policy=keys.policy,
        camera_networks=tuple(keys.network.cameras),
    )


def _model(name: str, keys: ModelKeys, server: Server | None, base_dir: Path, environ: Mapping[str, str]) -> ModelSpec:
    return ModelSpec(
        name=name,
        weights=weights_path(keys.weights, base_dir, environ),
        classes=None if keys.classes is None else tuple(keys.classes),
        confidence=keys.confidence,
        nms_iou=keys.nms_iou,
        input_size=keys.input_size,
        decoder=keys.decoder,
        labels=None if keys.labels is None else resolved(keys.labels, base_dir, environ),
        backend=Backend(keys.engine),
        device=keys.device,
        precision=Precision(keys.precision),
        max_batch=keys.max_batch,
        server=server,
        evaluated=tuple(each.value() for each in keys.evaluated),
    )
