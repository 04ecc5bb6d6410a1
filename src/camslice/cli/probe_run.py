"""What `probe` does: look at each source once, several at a time, print, and edit the fleet file if asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import typer

from camslice.cli.edited_fleet import edit_fleet
from camslice.cli.output import print_json, progress, stderr, stdout
from camslice.fleet.errors import SourceError
from camslice.fleet.spec import load_fleet
from camslice.fleet.spec_edit import same_but_streams, stream_text, with_streams
from camslice.fleet.types import CameraSpec, Fleet, StreamFormat

_AT_ONCE = 8
NOT_ALL_FOUND = 1


@dataclass(frozen=True, slots=True)
class Probed:
    """What one camera sends, or why that is not known."""

    camera: CameraSpec
    stream: StreamFormat | None
    error: str | None


def run_probe(path: Path, seconds: float, *, write: bool, as_json: bool) -> None:
    """Probe, print, and with `write` edit the file. Raises CamsliceError for bad input, typer.Exit(1) if one is not found."""
    fleet = load_fleet(path)
    found = _probe_all(fleet.cameras, seconds)
    written = _write(path, fleet, found) if write else ()
    if as_json:
        print_json({"cameras": [_object(each) for each in found], "written": list(written)})
    else:
        _print(found, written, path)
    if any(each.stream is None for each in found):
        raise typer.Exit(NOT_ALL_FOUND)


def _probe_all(cameras: Sequence[CameraSpec], seconds: float) -> list[Probed]:
    """Copies of a camera (`count`) play one source, which is opened once."""
    alike = {_what_is_opened(camera): camera for camera in reversed(cameras)}
    with progress("looking at the cameras", len(alike)) as step, ThreadPoolExecutor(_AT_ONCE) as pool:

        def look(camera: CameraSpec) -> tuple[StreamFormat | None, str | None]:
            from camslice.video.probe import probe

            try:
                return probe(camera, seconds), None
            except SourceError as error:
                return None, str(error)
            finally:
                step()

        answers = dict(zip(alike, pool.map(look, alike.values()), strict=True))
    return [Probed(camera, *answers[_what_is_opened(camera)]) for camera in cameras]


def _what_is_opened(camera: CameraSpec) -> tuple[str, float, float | None]:
    return camera.watched.reveal(), camera.fps, camera.playback_fps


def _write(path: Path, fleet: Fleet, found: Sequence[Probed]) -> tuple[str, ...]:
    """Edit the file and say which cameras got a stream. Raises FleetError if the file cannot be edited safely."""
    streams = {each.camera.name: each.stream for each in found if each.stream is not None}
    after = edit_fleet(
        path, fleet, lambda text: with_streams(text, _by_entry(text, path, streams)), same_but_streams, "its cameras are"
    )
    return tuple(new.name for old, new in zip(fleet.cameras, after.cameras, strict=True) if old.stream != new.stream)


def _by_entry(text: str, path: Path, streams: Mapping[str, StreamFormat]) -> dict[int, StreamFormat]:
    """The streams by the index of the entry of `cameras` that declares the camera, or its first copy."""
    from camslice.fleet.yaml_lines import read_yaml

    data = read_yaml(text, str(path)).data
    entries = data["cameras"] if isinstance(data, dict) else []
    names = {index: f"{entry['name']}-1" if entry.get("count") else entry["name"] for index, entry in enumerate(entries)}
    return {index: streams[name] for index, name in names.items() if name in streams}


def _object(each: Probed) -> dict[str, object]:
    declared = each.camera.stream
    return {
        "camera": each.camera.name,
        "stream": None if each.stream is None else asdict(each.stream),
        "declared": None if declared is None else asdict(declared),
        "error": each.error,
    }


def _print(found: Sequence[Probed], written: Sequence[str], path: Path) -> None:
    from rich.table import Table

    table = Table()
    for name in ("camera", "picture", "frames/s", "codec", "kbit/s", ""):
        table.add_column(name, justify="left" if name in {"camera", "codec", ""} else "right")
    alike = _copies_together(found)
    for names, each in alike:
        stream, said = each.stream, each.camera.stream
        if stream is None:
            table.add_row(names, "", "", "", "", each.error)
            continue
        remark = "" if said is None or said == stream else f"the file says {stream_text(said)}"
        size = f"{stream.width} x {stream.height}"
        table.add_row(names, size, f"{stream.fps:g}", stream.codec, f"{stream.kbps:.0f}", remark)
    stdout().print(table)
    if written:
        stderr().print(f"written into {path}: {', '.join(written)}", soft_wrap=True)
        return
    for names, each in alike:
        if each.stream is not None and each.camera.stream is None:
            stdout().print(f"{names}:\n  stream: {stream_text(each.stream)}", soft_wrap=True)


def _copies_together(found: Sequence[Probed]) -> list[tuple[str, Probed]]:
    """Cameras of which all is the same, under the first one's name and how many more there are."""
    groups: dict[object, list[Probed]] = {}
    for each in found:
        groups.setdefault((_what_is_opened(each.camera), each.camera.stream), []).append(each)
    named = []
    for group in groups.values():
        more = f" and {len(group) - 1} more" if len(group) > 1 else ""
        named.append((f"{group[0].camera.name}{more}", group[0]))
    return named
