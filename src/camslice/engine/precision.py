"""In which arithmetic OpenVINO runs a model here, and why: declared, or the fastest that was measured on this machine.

INT8 is not always the fastest (YOLOX-nano, and YOLOv8n on processors with BF16 tiles), so nobody guesses: the precisions are
timed in turns by `measure.precisions`, and what came out is remembered beside the weights, by model and machine.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from camslice.engine.processor import machine_key
from camslice.fleet.errors import EngineError
from camslice.fleet.types import Precision
from camslice.models.cache import files_folder, work_folder
from camslice.models.model import ModelInfo
from camslice.models.quantised import Quantised, find_quantised, required_quantised

log = logging.getLogger(__name__)

MARGIN = 1.05
"""A coarser precision must be faster by this factor to be preferred: equal figures differ by a few percent between runs."""
_FINEST_FIRST = (Precision.FP32, Precision.BF16, Precision.INT8)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to load and compute in. `weights` is the INT8 version's file, None for the model's own; `bf16` for what is float."""

    precision: Precision
    weights: Path | None
    bf16: bool
    why: str


@dataclass(frozen=True, slots=True)
class Timed:
    """Pictures/s by precision, measured in turns on this machine; `int8_sha256` says of which INT8 version, if of any."""

    fps: Mapping[str, float]
    int8_sha256: str | None
    measured_at: str

    @property
    def fastest(self) -> Precision:
        """The precision to prefer: the finest that no coarser one beats by `MARGIN`."""
        timed = [precision for precision in _FINEST_FIRST if precision in self.fps]
        best = timed[0]
        for precision in timed[1:]:
            if self.fps[precision] > self.fps[best] * MARGIN:
                best = precision
        return best

    @property
    def words(self) -> str:
        """The figures for people."""
        return ", ".join(f"{name} {fps:.1f}" for name, fps in sorted(self.fps.items(), key=lambda item: -item[1]))


def decide(info: ModelInfo, wanted: Precision, device: str, *, has_bf16: bool) -> Decision:
    """What `wanted` means for this model on this device. Raises EngineError or ModelError for what cannot be had."""
    if wanted is Precision.AUTO:
        return _fastest(info, device, has_bf16)
    if wanted is Precision.INT8:
        int8 = required_quantised(info)
        return Decision(wanted, int8.path, has_bf16, f"declared; {_loss(int8)}")
    if wanted is Precision.BF16 and not has_bf16:
        raise EngineError(f"precision bf16: {device} cannot compute in BF16; use `precision: auto` or fp32.")
    return Decision(wanted, None, wanted is Precision.BF16, "declared")


def remembered(info: ModelInfo, int8: Quantised | None) -> Timed | None:
    """What was measured of this model, with this INT8 version, on a machine like this one."""
    try:
        values = json.loads(_file(info).read_text())
        timed = Timed(
            {str(name): float(fps) for name, fps in values["fps"].items()}, values["int8_sha256"], values["measured_at"]
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("%s cannot be read and is measured anew: %r", _file(info), error)
        return None
    wanted = None if int8 is None else int8.evidence.sha256
    return timed if timed.int8_sha256 == wanted and Precision.FP32 in timed.fps else None


def remember(info: ModelInfo, timed: Timed) -> None:
    """Keep what was measured. Where the cache cannot be written it is measured again the next time, and that is said."""
    file = _file(info)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with work_folder() as work:
            (work / file.name).write_text(json.dumps(asdict(timed), indent=2) + "\n")
            (work / file.name).replace(file)
    except OSError as error:
        log.warning("which precision is the fastest cannot be remembered in %s: %s", file.parent, error.strerror or error)


def _fastest(info: ModelInfo, device: str, has_bf16: bool) -> Decision:
    int8 = find_quantised(info.sha256, info.input.width, info.input.height) if device == "CPU" else None
    timed = remembered(info, int8) if device == "CPU" else None
    if timed is not None:
        best = timed.fastest
        why = f"the best of those timed here on {timed.measured_at[:10]}, in pictures/s: {timed.words}"
        if best is Precision.INT8 and int8 is not None:
            return Decision(best, int8.path, has_bf16, f"{why}; {_loss(int8)}")
        return Decision(best, None, best is Precision.BF16, why)
    lacking = "no INT8 version of it is here" if int8 is None else "its INT8 version was not timed on this machine yet"
    if has_bf16:
        return Decision(Precision.BF16, None, True, f"{device} computes in BF16, and {lacking}")
    return Decision(Precision.FP32, None, False, f"{device} has no BF16, and {lacking}")


def _loss(int8: Quantised) -> str:
    return f"it loses {int8.evidence.drop:.4f} mAP by {int8.evidence.judged_by}"


def _file(info: ModelInfo) -> Path:
    size = f"{info.input.width}x{info.input.height}"
    return files_folder() / "precisions" / f"{info.sha256[:16]}-{size}-{machine_key()}.json"
