"""Every kind of node: what a load and its profiles become, and what is refused because nobody knows it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from camslice.fleet.errors import PlanError
from camslice.fleet.figures import Figure, Provenance
from camslice.fleet.profile import (
    BatchCost,
    Concurrency,
    Contexts,
    Coverage,
    DecodeCost,
    Profile,
    ProfiledMachine,
    ProfiledModel,
    StageCost,
)
from camslice.fleet.profile_json import load_profile
from camslice.fleet.types import Freshness, Objective, Topology
from camslice.plan.simulation.arrivals import arrivals_of
from camslice.plan.simulation.load import NodeLoad, NodeShape, PodLoad, StreamLoad, Unevenness
from camslice.plan.simulation.node import Concurrent, SimulatedNode, Slices
from camslice.plan.simulation.result import Simulated
from camslice.plan.simulation.simulate import simulate
from camslice.plan.simulation.translate import node_of
from tests.unit.plan.simulation.nodes import gpu, node, pod

EVERY = tuple(Topology)


def figure(value: float) -> Figure:
    return Figure.measured(value)


def on_cpu(**more: object) -> Profile:
    """A model that takes 1 + 10 + 1 ms of one thread, on two cores."""
    profile = Profile(
        "cpu", "", "2026-11-28", Provenance.MEASURED,
        ProfiledMachine("box", "x", "X", "x86_64", vcpu=2, physical_cores=2, usable_cores=2.0),
        ProfiledModel("m", "openvino", max_batch=1, threads=2),
        Coverage(EVERY),
        stages=(
            StageCost("preprocess", figure(1.0), visits=figure(0.0)),
            StageCost("inference", figure(10.0), visits=figure(1.0)),
            StageCost("postprocess", figure(1.0), visits=figure(0.0)),
        ),
        batches=(BatchCost(1, figure(10.0)),),
        decode=(DecodeCost("h264", figure(4.0)),),
    )  # fmt: skip
    return replace(profile, **more)  # type: ignore[arg-type]  # per test


def on_gpu(**more: object) -> Profile:
    """The same with inference on an accelerator, in batches that cost 10 ms and 2 more for each further frame."""
    profile = on_cpu(
        machine=ProfiledMachine("box", "x", "X", "x86_64", accelerator="T4", accelerators=1, vcpu=8, physical_cores=8),
        model=ProfiledModel("m", "onnxruntime", device="cuda", max_batch=8),
        batches=(BatchCost(1, figure(10.0)), BatchCost(8, figure(24.0))),
        contexts=Contexts(slice_ms=figure(2.0), switch_ms=figure(0.5), hyper_thread_yield=figure(0.3)),
    )
    return replace(profile, **more)  # type: ignore[arg-type]  # per test


def load(
    topology: Topology, pods: int = 1, streams: int = 1, fps: float | None = None, accelerators: int = 1, **shape: float
) -> NodeLoad:
    stream = StreamLoad(fps)
    made = NodeShape(8, 8, accelerators, **shape)  # type: ignore[arg-type]  # per test
    return NodeLoad(made, topology, tuple(PodLoad("m", (stream,) * streams) for _ in range(pods)), Objective())


def ran(asked: NodeLoad, profile: Profile, seconds: float = 20.0) -> Simulated:
    return simulate(node_of(asked, {"m": profile}), seconds, 1)


def mean_ms(found: Simulated, stage: str = "total") -> float:
    return found.stages[stage].mean or 0.0


def test_a_pod_alone_takes_the_sum_of_its_stages_whatever_the_topology() -> None:
    for topology in (Topology.DEDICATED, Topology.SLICED, Topology.POOLED):
        assert mean_ms(ran(load(topology), on_gpu())) == pytest.approx(12.0, rel=0.01)
        assert mean_ms(ran(load(topology, accelerators=0), on_cpu())) == pytest.approx(12.0, rel=0.01)


def test_dedicated_pods_do_not_meet_and_each_has_an_accelerator() -> None:
    four = ran(load(Topology.DEDICATED, pods=4, accelerators=4), on_gpu())
    assert mean_ms(four) == pytest.approx(12.0, rel=0.01)
    with pytest.raises(PlanError, match="4 pods in topology dedicated need as many accelerators, and there are 2"):
        node_of(load(Topology.DEDICATED, pods=4, accelerators=2), {"m": on_gpu()})


def test_partitions_are_slower_by_their_share_and_keep_pods_apart() -> None:
    found = ran(load(Topology.MIG, pods=2, partitions=2, partition_share=0.5), on_gpu())
    assert mean_ms(found, "inference") == pytest.approx(20.0, rel=0.01)
    with pytest.raises(PlanError, match="need as many partitions"):
        node_of(load(Topology.MIG, pods=3, partitions=2, partition_share=0.5), {"m": on_gpu()})


def test_mps_needs_its_curve_and_caps_each_pod_at_its_part() -> None:
    with pytest.raises(PlanError, match=r"no contexts\.concurrency"):
        node_of(load(Topology.MPS, pods=4), {"m": on_gpu()})
    curve = replace(on_gpu().contexts, concurrency=(Concurrency(2, figure(1.4)), Concurrency(4, figure(1.6))))
    made = node_of(load(Topology.MPS, pods=4, fps=1.0), {"m": on_gpu(contexts=curve)})
    (device,) = made.devices
    assert isinstance(device, Concurrent)
    assert device.cap == 0.25
    assert device.throughput == pytest.approx((1.0, 1.4, 1.5, 1.6))
    assert mean_ms(simulate(made, 20.0, 1), "inference") == pytest.approx(40.0, rel=0.02), "a quarter of it, though alone"


def test_pooled_cameras_share_batches_that_cost_less_each() -> None:
    """Eight cameras, each as fast as it can: batches of eight take 24 ms, so more than 8 / (10 x 8) of them per ms."""
    found = ran(load(Topology.POOLED, streams=8), on_gpu())
    assert found.fps > 2.0 * ran(load(Topology.SLICED, pods=8), on_gpu()).fps


def test_workers_of_a_remote_engine_pay_the_network_and_need_to_know_it() -> None:
    with pytest.raises(PlanError, match="no point of topology remote"):
        node_of(load(Topology.REMOTE), {"m": on_gpu()})
    published = load_profile("t4-case-study")
    one = simulate(node_of(load(Topology.REMOTE), {"m": published}), 20.0, 1)
    assert mean_ms(one) == pytest.approx(21.96, rel=0.01)
    assert mean_ms(one, "network") == pytest.approx(10.26, rel=0.01)
    many = simulate(node_of(load(Topology.REMOTE, pods=20, fps=10.0), {"m": published}), 20.0, 1)
    assert many.node.frames.drop_rate > 0.2, "one engine of 7.9 ms carries 127 frames/s, and 200 are due"
    two = simulate(node_of(load(Topology.REMOTE, pods=20, fps=10.0, accelerators=2), {"m": published}), 20.0, 1)
    assert two.node.frames.drop_rate < 0.01, "two accelerators, two engines"


def test_one_thread_pods_share_two_cores_as_the_kernel_has_it() -> None:
    shape = NodeShape(2, 2)
    eight = NodeLoad(shape, Topology.SLICED, (PodLoad("m", (StreamLoad(None),)),) * 8, Objective())
    found = ran(eight, on_cpu())
    assert found.fps == pytest.approx(2000 / 12, rel=0.02)
    assert mean_ms(found) == pytest.approx(8 * 12 / 2, rel=0.03)
    assert found.utilisation["cpu"] == pytest.approx(1.0, abs=0.01)


def test_an_engine_of_one_thread_computes_one_frame_at_a_time_on_a_machine_of_many() -> None:
    pods = (PodLoad("m", (StreamLoad(None),) * 6, threads=1),)
    found = ran(NodeLoad(NodeShape(8, 8), Topology.POOLED, pods, Objective()), on_cpu())
    assert found.fps == pytest.approx(100, rel=0.1), "inference takes 10 ms"
    assert mean_ms(found, "queue") > 30.0, "the others wait"


def test_decoding_costs_what_the_profile_says_for_all_frames_of_the_video() -> None:
    stream = StreamLoad(5.0, megapixels=2.0, codec="h264", source_fps=25.0)
    asked = NodeLoad(NodeShape(2, 2), Topology.SLICED, (PodLoad("m", (stream,)),), Objective())
    found = ran(asked, on_cpu(), 60.0)
    assert mean_ms(found, "decode") == pytest.approx(8.0, rel=0.02)
    assert found.utilisation["cpu"] * 2000 / 5 == pytest.approx(5 * 8 + 12, rel=0.03), "CPU ms for each frame analysed"
    unknown = replace(asked, pods=(PodLoad("m", (replace(stream, codec="av1"),)),))
    with pytest.raises(PlanError, match="no cost of decoding av1"):
        node_of(unknown, {"m": on_cpu()})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda: (load(Topology.SLICED), {}), "there is no profile of it"),
        (lambda: (load(Topology.SLICED, accelerators=0), {"m": on_gpu()}), "an accelerator, and this"),
        (lambda: (load(Topology.SLICED, pods=2), {"m": on_gpu(contexts=Contexts())}), r"no contexts\.slice_ms"),
        (lambda: (load(Topology.SLICED), {"m": on_gpu(covers=Coverage((Topology.POOLED,)))}), "sliced"),
        (lambda: (load(Topology.SLICED), {"m": on_gpu(stages=(), batches=())}), "says nothing of stage preprocess"),
        (lambda: (load(Topology.SLICED, fps=-1.0), {"m": on_gpu()}), "give a rate above 0"),
        (lambda: (replace(load(Topology.SLICED), shape=NodeShape(4, 8, 1)), {"m": on_gpu()}), "is no machine"),
        (lambda: (replace(load(Topology.SLICED), pods=()), {"m": on_gpu()}), "at least one pod"),
    ],
)
def test_a_load_that_cannot_be_simulated_is_refused_in_a_sentence(change: object, said: str) -> None:
    asked, profiles = change()  # type: ignore[operator]  # a lambda
    with pytest.raises(PlanError, match=said):
        node_of(asked, profiles)


def test_mailboxes_are_as_deep_as_in_a_running_fleet() -> None:
    stream = StreamLoad(5.0)
    deep, shallow = (
        node_of(replace(load(Topology.SLICED), pods=(PodLoad("m", (each,)),)), {"m": on_gpu()}).pods[0].streams[0].depth
        for each in (stream, replace(stream, freshness=Freshness.LATEST))
    )
    assert (deep, shallow) == (3, 1)


def uneven(unevenness: Unevenness) -> SimulatedNode:
    made = node(*(pod(40.0, work=(gpu(1.0),)) for _ in range(2)), device=Slices(2.0, 0.0))
    streams = tuple(replace(each, unevenness=unevenness) for each in made.pods[0].streams)
    return replace(made, pods=tuple(replace(each, streams=streams) for each in made.pods))


def test_keyframes_come_late_and_what_is_behind_them_comes_in_a_burst() -> None:
    even, bursty = (arrivals_of(uneven(each), 1, 10_000.0) for each in (Unevenness(), Unevenness(0.0, 2.0, 100.0)))
    assert np.array_equal(np.sort(even.captured_ms), np.sort(bursty.captured_ms))
    late = bursty.arrival_ms - bursty.captured_ms
    assert np.all(late >= 0.0)
    assert late.max() == pytest.approx(100.0, abs=41.0)
    one = bursty.arrival_ms[bursty.pods == 0]
    assert np.sum(np.diff(one) < 1e-6) >= 5, "two or three at once for each of five keyframes"
    assert np.all(np.diff(one) >= 0.0), "in the order of the camera"


def test_jitter_is_as_late_as_it_says_and_counts_as_decode() -> None:
    arrivals = arrivals_of(uneven(Unevenness(jitter_ms=5.0)), 1, 200_000.0)
    assert float(np.mean(arrivals.arrival_ms - arrivals.captured_ms)) == pytest.approx(5.0, rel=0.1)
    found = simulate(uneven(Unevenness(jitter_ms=5.0)), 100.0, 1)
    assert mean_ms(found, "decode") == pytest.approx(5.0, rel=0.1)


def test_a_pod_more_changes_no_arrival_of_the_others() -> None:
    """Common random numbers: what differs is what the pod costs."""
    few, more = (node(*(pod(40.0) for _ in range(count))) for count in (3, 4))
    there, here = arrivals_of(few, 7, 5_000.0), arrivals_of(more, 7, 5_000.0)
    kept = here.pods < 3
    assert np.array_equal(there.arrival_ms, here.arrival_ms[kept])


def test_models_of_a_mixed_node_are_told_apart() -> None:
    quick, slow = on_gpu(batches=()), on_gpu(batches=())
    stage = {cost.stage: cost for cost in quick.stages}
    heavy = replace(stage["inference"], cpu_ms=figure(1.0), accelerator_ms=figure(30.0), visits=figure(1.0))
    light = replace(heavy, accelerator_ms=figure(3.0))
    others = tuple(replace(stage[name], visits=figure(0.0)) for name in ("preprocess", "postprocess"))
    profiles = {
        "light": replace(quick, stages=(*others, light)),
        "heavy": replace(slow, stages=(*others, heavy)),
    }
    pods = (PodLoad("light", (StreamLoad(10.0),)), PodLoad("heavy", (StreamLoad(5.0),)))
    found = simulate(node_of(replace(load(Topology.SLICED), pods=pods), profiles), 30.0, 1)
    assert found.models["light"].fps == pytest.approx(10.0, rel=0.02)
    assert found.models["heavy"].fps == pytest.approx(5.0, rel=0.02)
    light_ms, heavy_ms = (found.models[name].total.mean or 0.0 for name in ("light", "heavy"))
    assert light_ms < 15 < 30 < heavy_ms
