"""From the keys of cameras to cameras: `count` unrolled, models looked up, names unique."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from camslice.fleet.secrets import Source
from camslice.fleet.spec_keys import CameraKeys
from camslice.fleet.spec_planning import camera_objective, stream_format
from camslice.fleet.spec_sources import camera_source
from camslice.fleet.spec_values import LONGEST_NAME
from camslice.fleet.types import CameraSpec, Decoder, Decoding, Freshness, Objective
from camslice.fleet.yaml_lines import Document, KeyPath


@dataclass(slots=True)
class CameraList:
    """Collects cameras one entry at a time, and one sentence for each mistake. `models` are the names declared,
    `objective` is the fleet's."""

    document: Document
    models: Collection[str]
    objective: Objective
    base_dir: Path
    environ: Mapping[str, str]
    cameras: list[CameraSpec] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)
    taken: dict[str, str] = field(default_factory=dict)
    """Names in use, and by whom."""

    def add(self, keys: CameraKeys, path: KeyPath) -> None:
        """Add the camera, or the `count` cameras, declared at `path`."""
        models = self._models(keys, path)
        source = self._source(keys.source, (*path, "source"))
        substream = None if keys.substream is None else self._source(keys.substream, (*path, "substream"))
        if source is None or (keys.substream is not None and substream is None):
            return
        for name in self._names(keys, path):
            self.cameras.append(
                CameraSpec(
                    name=name,
                    source=source,
                    fps=keys.fps,
                    models=models,
                    loop=keys.loop,
                    playback_fps=keys.playback_fps,
                    freshness=Freshness(keys.freshness),
                    decode=Decoding(keys.decode),
                    decoder=Decoder(keys.decoder),
                    substream=substream,
                    masks=tuple(tuple(mask) for mask in keys.masks),
                    stream=stream_format(keys.stream),
                    objective=camera_objective(keys.objective, self.objective),
                )
            )

    def _source(self, template: str, path: KeyPath) -> Source | None:
        try:
            return camera_source(template, self.base_dir, self.environ)
        except ValueError as error:
            self._mistake(path, str(error))
            return None

    def _models(self, keys: CameraKeys, path: KeyPath) -> tuple[str, ...]:
        if (keys.model is None) == (keys.models is None):
            what = "neither model nor models is given" if keys.model is None else "both model and models are given"
            self._mistake(path, f"{what}; write one of them")
        key = "model" if keys.models is None else "models"
        names = tuple(keys.models or ([keys.model] if keys.model else []))
        for unknown in sorted(set(names) - set(self.models)):
            self._mistake((*path, key), f'there is no model "{unknown}"; write one of {", ".join(sorted(self.models))}')
        if len(set(names)) < len(names):
            self._mistake((*path, key), "a model is named twice; name each once")
        return names

    def _names(self, keys: CameraKeys, path: KeyPath) -> Iterator[str]:
        names = [keys.name] if keys.count is None else [f"{keys.name}-{number}" for number in range(1, keys.count + 1)]
        if len(names[-1]) > LONGEST_NAME:
            self._mistake((*path, "name"), f'"{names[-1]}" is longer than {LONGEST_NAME} characters; write a shorter name')
        clashes = [name for name in names if name in self.taken]
        if clashes:
            others = f" and {len(clashes) - 1} more names are" if len(clashes) > 1 else " is"
            self._mistake((*path, "name"), f'"{clashes[0]}"{others} taken by {self.taken[clashes[0]]}; write another name')
            return
        line = self.document.line(path)
        here = f"the camera on line {line}" if line else "another camera"
        self.taken.update(dict.fromkeys(names, here))
        yield from names

    def _mistake(self, path: KeyPath, what: str) -> None:
        self.mistakes.append(f"{self.document.place(path)}: {what}.")
