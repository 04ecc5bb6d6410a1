"""Costs of a frame, measured on clips and networks made here: that there are figures, not how large they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from camslice.fleet.errors import SourceError
from camslice.fleet.figures import Provenance
from camslice.fleet.types import ModelSpec, Objective, Topology
from camslice.measure.profile.costs import Costs, measured_costs
from camslice.measure.profile.decoding import own_decode_cost, transcoded_decode_cost, video_of
from camslice.measure.profile.journal import Journal
from camslice.measure.profile.settings import Settings
from camslice.measure.profile.subject import Subject
from tests.clips import write_clip, write_h264
from tests.tiny_detector import tiny_detector

FEW = replace(Settings.quick(Topology.POOLED, Objective(), 5.0), frames=6, batch_s=0.02)


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    info = tiny_detector(tmp_path / "tiny.onnx")
    clip = write_clip(tmp_path / "yard.mp4")
    return Subject(ModelSpec("model", str(info.path)), info, clip, 10.0)


def costs_of(subject: Subject, settings: Settings = FEW) -> Costs:
    return measured_costs(subject, settings, Journal(None, {}), lambda _words, _seconds: None)


def test_a_clip_says_what_it_is(tmp_path: Path) -> None:
    video = video_of(write_h264(tmp_path / "a.mp4", frames=10, size=(96, 64), fps=5))
    assert (video.name, video.width, video.height, video.fps, video.codec) == ("a.mp4", 96, 64, 5.0, "h264")
    assert video.kbps is not None
    assert video.kbps > 0


@pytest.mark.parametrize("codec", ["h264", "hevc", "mjpeg"])
def test_decoding_is_measured_in_codecs_that_the_clip_is_not_in(tmp_path: Path, codec: str) -> None:
    cost = transcoded_decode_cost(write_clip(tmp_path / "a.mp4", size=(161, 121)), codec, 8)
    assert cost is not None
    assert cost.codec == codec
    assert cost.transcoded
    assert cost.kbps is not None
    assert cost.cpu_ms_per_megapixel.value > 0


def test_a_file_that_is_no_video_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(SourceError, match="cannot be read"):
        video_of(tmp_path / "a.mp4")
    with pytest.raises(SourceError, match="cannot be read"):
        own_decode_cost(tmp_path / "missing.mp4", 5)


def test_every_cost_of_a_frame_is_measured(subject: Subject) -> None:
    costs = costs_of(subject, replace(FEW, codecs=("h264",), batch_sizes=(1, 2, 4)))
    assert [cost.codec for cost in costs.decode] == ["mpeg4", "h264"]
    assert [stage.stage for stage in costs.stages] == ["preprocess", "inference", "postprocess"]
    assert [batch.size for batch in costs.batches] == [1, 2, 4]
    assert sum(stage.visits.value for stage in costs.stages if stage.visits) == 1
    assert costs.video.boxes == 1
    assert costs.model.max_batch == 1
    assert costs.model.sha256 == subject.info.sha256
    assert costs.decode_ms_per_frame > 0
    assert costs.accelerator_ms > 0
    for batch in costs.batches:
        assert batch.accelerator_ms.value > 0
        assert batch.accelerator_ms.provenance is Provenance.MEASURED


def test_a_model_with_a_fixed_batch_is_measured_at_one_frame(subject: Subject) -> None:
    fixed = replace(subject.info, input=replace(subject.info.input, dynamic_batch=False))
    costs = costs_of(replace(subject, info=fixed), replace(FEW, batch_sizes=(1, 2, 4)))
    assert [batch.size for batch in costs.batches] == [1]


def test_a_codec_that_the_clip_is_in_is_not_encoded_anew(subject: Subject, tmp_path: Path) -> None:
    clip = write_h264(tmp_path / "b.mp4")
    costs = costs_of(replace(subject, clip=clip), replace(FEW, codecs=("h264", "mjpeg")))
    assert [(cost.codec, cost.transcoded) for cost in costs.decode] == [("h264", False), ("mjpeg", True)]
