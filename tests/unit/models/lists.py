"""Model lists of a test's own, with sources that need no network."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from camslice.models.catalogue import Catalogue, Entry, InputFacts, Kind, KnownFile, ModelFacts, Source
from camslice.models.progress import Progress
from camslice.models.sources.protocol import SourceFailedError

INPUT = InputFacts(32, 32, "bgr", 1.0, 114, centred=False)


@dataclass(frozen=True)
class FakeSource:
    """Delivers `content`, or fails with `reason`; counts how often it was asked."""

    words: str
    content: bytes = b""
    reason: str = ""
    last_resort: bool = False
    file: str = "model.onnx"
    asked: list[int] = field(default_factory=list)

    def fetch(self, size_bytes: int, work: Path, progress: Progress) -> Path:
        self.asked.append(size_bytes)
        if self.reason:
            raise SourceFailedError(self.reason)
        (work / self.file).write_bytes(self.content)
        return work / self.file


def known(content: bytes, name: str = "model.onnx", *, open_shape: bool = False) -> KnownFile:
    return KnownFile(name, len(content), hashlib.sha256(content).hexdigest(), open_shape=open_shape)


def entry(
    name: str,
    files: Sequence[KnownFile],
    sources: Sequence[Source | FakeSource] = (),
    *,
    kind: Kind = Kind.MODEL,
    licence: str = "Apache-2.0",
    decoder: str = "yolox",
    wanted: tuple[int, ...] | None = None,
) -> Entry:
    facts = ModelFacts("detect", "pets", decoder, INPUT, wanted) if kind is Kind.MODEL else None
    return Entry(name, kind, "for a test", licence, tuple(files), tuple(sources), facts)  # type: ignore[arg-type]  # fakes


def catalogue(*entries: Entry) -> Catalogue:
    preferred = {kind: tuple(one.name for one in entries if one.kind is kind) for kind in Kind}
    return Catalogue(entries, {"pets": ("cat", "dog")}, preferred)
