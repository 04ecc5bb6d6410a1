"""The closed-form estimate of means against the simulator, over many phases of the cameras, and where it is exact."""

from __future__ import annotations

import math

import numpy as np
import pytest

from camslice.plan.capacity.queueing import estimated, periodic_wait_ms
from camslice.plan.simulation.node import Concurrent, SimulatedNode, Slices
from camslice.plan.simulation.simulate import simulate
from tests.unit.plan.simulation.nodes import case_study, cpu, gpu, node, pod

LINE = Slices(math.inf, 0.0)
AT_ONCE = Concurrent(0.5, (1.0, 1.2, 1.3))


def simulated_ms(made: SimulatedNode) -> float:
    """The mean over cameras' phases: one simulation has one set of them."""
    means = [simulate(made, 6.0, seed, warm_up_s=1.0).stages["total"].mean for seed in range(12)]
    return float(np.mean([mean for mean in means if mean is not None]))


@pytest.mark.parametrize(
    ("made", "within"),
    [
        pytest.param(case_study(20, 4.0), 0.10, id="20 published pods"),
        pytest.param(case_study(54, 2.0), 0.12, id="54 published pods, a third full"),
        pytest.param(case_study(54, 4.0), 0.25, id="54 published pods, three quarters full"),
        pytest.param(node(*(pod(400.0) for _ in range(20)), device=LINE), 0.15, id="a line, half full"),
        pytest.param(node(*(pod(400.0) for _ in range(30)), device=LINE), 0.20, id="a line, three quarters full"),
        pytest.param(node(*(pod(400.0) for _ in range(30))), 0.20, id="slices, three quarters full"),
        pytest.param(node(*(pod(200.0, (cpu(20.0),), ()) for _ in range(14)), cores=2), 0.15, id="two cores, 70 % full"),
        pytest.param(node(*(pod(200.0) for _ in range(14)), device=AT_ONCE), 0.15, id="contexts at once, half full"),
        pytest.param(node(pod(100.0, streams=6)), 0.20, id="a pod of six cameras, 60 % full"),
    ],
)
def test_means_come_out_about_as_simulated(made: SimulatedNode, within: float) -> None:
    assert estimated(made).mean_ms == pytest.approx(simulated_ms(made), rel=within)


def test_a_frame_that_meets_no_other_takes_the_sum_of_its_steps() -> None:
    assert estimated(node(pod(100.0, (cpu(3.0),), (gpu(7.0),)))).mean_ms == pytest.approx(10.0)


def test_more_load_never_takes_less_time_and_too_much_takes_for_ever() -> None:
    means = [estimated(case_study(54, fps)).mean_ms for fps in (0.5, 1.0, 2.0, 3.0, 4.0, 4.5, 6.0, 8.0)]
    assert means == sorted(means)
    assert math.isinf(means[-1])
    over = estimated(node(*(pod(20.0) for _ in range(3))))
    assert math.isinf(over.mean_ms)
    assert over.accelerator == pytest.approx(1.5)


def test_many_cameras_wait_as_random_arrivals_do() -> None:
    """Pollaczek and Khinchine: load x service / 2 (1 - load)."""
    assert periodic_wait_ms(0.5, 10.0, 100_000) == pytest.approx(5.0, rel=0.01)
    assert periodic_wait_ms(0.5, 10.0, 1) == 0.0
    assert periodic_wait_ms(0.8, 10.0, 10) < periodic_wait_ms(0.8, 10.0, 1000)


def test_a_closed_loop_has_no_rate_to_estimate_from() -> None:
    with pytest.raises(ValueError, match="closed loop"):
        estimated(case_study(20))
