"""The quick way through a simulation: pods of one stream each, a processor, and sliced accelerators.

About two events per visit to an accelerator, in plain lists, local variables and `heapq`, which CPython runs fast and numba
compiles from this same source (`compiled`), to the same bits. What makes two events enough:

- Processor sharing in virtual time. Every runnable thread gets the same rate, so a job that needs w ms of it ends when virtual
  time, which advances at that rate, has advanced by w. Jobs wait in a heap of virtual ends; a change of the rate moves none.
- Pods that spin while they wait keep the number of runnable threads as it is, so that mostly only a frame's begin and end
  change the rate.
- Round robin over contexts is a queue: whoever comes, or has used up a slice while others wait, stands at its end.

A pod's frame is a list of rounds: processor first, then one visit to the accelerator; either may take no time. The general
simulator (`general`) knows far more kinds of nodes; a test holds both equal where both apply. The rules of fates are those of
`fleet.deadlines` and `fleet.service_time` for a queue of one stream, and a test holds that equal, too.
"""

# One loop over all that can happen, with its state in local variables: what splitting it would cost is the point of it.
# Numba asks for `len(...)` of a list, and a comparison is quicker than a call of `min`.
# ruff: noqa: PLR0912, PLR0915, PLC1802, PLR1730

from __future__ import annotations

from heapq import heappop, heappush

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ANALYSED, SUPERSEDED, STALE = 0, 1, 2
"""What became of a frame, as in the array `fates`; the codes of `result`, for numba takes constants of this module alone."""

TINY_MS = 1e-9
"""Work that is less is none: what is left of a subtraction."""


def run_kernel(
    first_round: Ints,
    round_cpu_ms: Floats,
    round_threads: Floats,
    round_visit_ms: Floats,
    round_stage: Ints,
    device_of: Ints,
    spinning: Floats,
    extra: Floats,
    closed_from_ms: Floats,
    factors: Floats,
    depth: Ints,
    latency_ms: float,
    vcpu: float,
    physical_cores: float,
    hyper_thread_yield: float,
    slice_ms: Floats,
    switch_ms: Floats,
    arrival_ms: Floats,
    arrival_pod: Ints,
    captured_ms: Floats,
    pods_of: Ints,
    fates: Ints,
    stage_ms: Floats,
    factor_of: Floats,
    stages: int,
    queue_stage: int,
    decode_stage: int,
    warm_up_ms: float,
    end_ms: float,
) -> tuple[int, int, float, float]:
    """Run until `end_ms`; returns rows used, events, and work done in the window by the processor and by accelerators, in ms.

    Rounds `first_round[p]` to `first_round[p + 1]` are those of pod p; a round whose stage differs from the next one's ends it.
    Row k of `captured_ms`, `pods_of`, `fates` and `stage_ms` (flat, `stages` per row) is frame k: the arrivals in their order,
    then those of closed loops (pods with `closed_from_ms` >= 0), which get rows as they come. `factors` has as many for each
    pod: what its frames cost relative to the mean, one after the other and again from the first; `factor_of` keeps that of each
    row. With `latency_ms` above 1e300 nothing is stale.
    """
    pods = len(device_of)
    devices = len(slice_ms)
    arrivals = len(arrival_ms)
    rows = arrivals
    most_rows = len(captured_ms)

    # What never changes, as lists: reading one is several times as fast as reading an array.
    cpu_work = [float(x) for x in round_cpu_ms]
    threads_of = [float(x) for x in round_threads]
    visit_work = [float(x) for x in round_visit_ms]
    stage_of = [int(x) for x in round_stage]
    begin_of = [int(x) for x in first_round]
    dev_of = [int(x) for x in device_of]
    spins = [float(x) for x in spinning]
    extras = [float(x) for x in extra]
    slices = [float(x) for x in slice_ms]
    switches = [float(x) for x in switch_ms]
    deepest = [int(x) for x in depth]
    ends_stage = [True for _ in range(len(stage_of))]
    for p in range(pods):
        for r in range(begin_of[p], begin_of[p + 1] - 1):
            ends_stage[r] = stage_of[r] != stage_of[r + 1]

    # Pods.
    of_each = len(factors) // pods
    captured = [0 for _ in range(pods)]
    factor = [1.0 for _ in range(pods)]
    at_round = [0 for _ in range(pods)]
    row_of = [-1 for _ in range(pods)]
    taken_at = [0.0 for _ in range(pods)]
    stage_began = [0.0 for _ in range(pods)]
    visit_left = [0.0 for _ in range(pods)]
    # Mailboxes: rings of rows, and what a frame is taken to need (see fleet.service_time).
    widest = 1
    for p in range(pods):
        widest = max(widest, deepest[p])
    ring = [0 for _ in range(pods * widest)]
    ring_head = [0 for _ in range(pods)]
    waiting = [0 for _ in range(pods)]
    mean_ns = [0.0 for _ in range(pods)]
    deviation_ns = [0.0 for _ in range(pods)]
    live = latency_ms < 1e300
    latency_ns = int(latency_ms * 1e6) if live else 0

    # Processor.
    runnable = 0.0
    virtual = 0.0
    virtual_at = 0.0
    rate = 1.0
    capacity = 0.0
    jobs = [(0.0, 0) for _ in range(0)]

    # Accelerators.
    size = pods + 1
    line = [0 for _ in range(devices * size)]
    line_head = [0 for _ in range(devices)]
    in_line = [0 for _ in range(devices)]
    on_device = [-1 for _ in range(devices)]
    last_context = [-1 for _ in range(devices)]
    quantum = [0.0 for _ in range(devices)]
    device_end = [np.inf for _ in range(devices)]
    next_device = 0
    next_device_end = np.inf

    busy_cpu = 0.0
    busy_cpu_at = 0.0
    busy_devices = 0.0
    warm_busy_cpu = 0.0
    warm_busy_devices = 0.0
    warm = False

    # Closed loops begin at their own times: a heap of (when, pod).
    starts = [(0.0, 0) for _ in range(0)]
    for p in range(pods):
        if closed_from_ms[p] >= 0.0:
            heappush(starts, (float(closed_from_ms[p]), p))
    next_arrival = 0
    next_arrival_at = float(arrival_ms[0]) if arrivals else np.inf
    next_start_at = starts[0][0] if len(starts) else np.inf
    next_job_at = np.inf
    events = 0
    now = 0.0

    while True:
        # What happens next: 1 a job on the processor ends, 2 a slice on an accelerator, 3 a frame arrives, 4 a loop begins.
        what = 1
        then = next_job_at
        if next_device_end < then:
            what = 2
            then = next_device_end
        if next_arrival_at < then:
            what = 3
            then = next_arrival_at
        if next_start_at < then:
            what = 4
            then = next_start_at
        if not warm and then >= warm_up_ms:
            warm = True
            warm_busy_cpu = busy_cpu + capacity * (warm_up_ms - busy_cpu_at)
            warm_busy_devices = busy_devices
            for d in range(devices):
                if on_device[d] >= 0:
                    warm_busy_devices -= device_end[d] - warm_up_ms
        if then >= end_ms:
            break
        now = then
        events += 1

        # What the pod does next: 1 visits, 2 has finished a round, 3 begins a round, 4 begins a frame, 0 nothing.
        todo = 0
        p = 0
        if what == 1:
            ended, p = heappop(jobs)
            virtual = ended
            virtual_at = now
            threads = threads_of[at_round[p]]
            if threads != 1.0:
                # Fewer are runnable until the next job: the rate is set again below.
                runnable -= threads - 1.0
                busy_cpu += capacity * (now - busy_cpu_at)
                busy_cpu_at = now
                capacity = min(runnable, physical_cores)
                if runnable > physical_cores:
                    capacity += hyper_thread_yield * min(runnable - physical_cores, vcpu - physical_cores)
                rate = capacity / runnable if runnable > 0.0 else 1.0
            todo = 1
        elif what == 2:
            d = next_device
            p = on_device[d]
            left = visit_left[p] - quantum[d]
            visit_left[p] = left
            head = line_head[d]
            if left > TINY_MS:
                # The slice is used up: to the end of the line, or on if nobody else waits.
                tail = head + in_line[d]
                if tail >= size:
                    tail -= size
                line[d * size + tail] = p
                in_line[d] += 1
            else:
                todo = 2
            if in_line[d]:
                following = line[d * size + head]
                head += 1
                line_head[d] = head if head < size else 0
                in_line[d] -= 1
                used = visit_left[following]
                if used > slices[d]:
                    used = slices[d]
                quantum[d] = used
                if following != last_context[d]:
                    used += switches[d]
                    last_context[d] = following
                on_device[d] = following
                device_end[d] = now + used
                busy_devices += used
            else:
                on_device[d] = -1
                device_end[d] = np.inf
            next_device_end = device_end[0]
            next_device = 0
            for other in range(1, devices):
                if device_end[other] < next_device_end:
                    next_device_end = device_end[other]
                    next_device = other
            if todo == 2 and spins[p] != 1.0:
                # From waiting threads back to the one that works.
                busy_cpu += capacity * (now - busy_cpu_at)
                busy_cpu_at = now
                virtual += rate * (now - virtual_at)
                virtual_at = now
                runnable += 1.0 - spins[p]
                capacity = min(runnable, physical_cores)
                if runnable > physical_cores:
                    capacity += hyper_thread_yield * min(runnable - physical_cores, vcpu - physical_cores)
                rate = capacity / runnable if runnable > 0.0 else 1.0
        elif what == 3:
            row = next_arrival
            p = int(arrival_pod[row])
            next_arrival += 1
            next_arrival_at = float(arrival_ms[next_arrival]) if next_arrival < arrivals else np.inf
            stage_ms[row * stages + decode_stage] = now - captured_ms[row]
            factor_of[row] = factors[p * of_each + captured[p] % of_each]
            captured[p] += 1
            if waiting[p] >= deepest[p]:
                fates[ring[p * widest + ring_head[p]]] = SUPERSEDED
                ring_head[p] = (ring_head[p] + 1) % widest
                waiting[p] -= 1
            ring[p * widest + (ring_head[p] + waiting[p]) % widest] = row
            waiting[p] += 1
            if row_of[p] < 0:
                todo = 4
        else:
            p = starts[0][1]
            heappop(starts)
            next_start_at = starts[0][0] if len(starts) else np.inf
            todo = 4

        while todo:
            if todo == 2:
                r = at_round[p]
                if ends_stage[r]:
                    stage_ms[row_of[p] * stages + stage_of[r]] += now - stage_began[p]
                    stage_began[p] = now
                r += 1
                at_round[p] = r
                todo = 3
                if r == begin_of[p + 1]:
                    # The frame is done.
                    fates[row_of[p]] = ANALYSED
                    row_of[p] = -1
                    error = round(now * 1e6) - round(taken_at[p] * 1e6) - mean_ns[p]
                    mean_ns[p] += 0.1 * error
                    deviation_ns[p] += 0.1 * (abs(error) - deviation_ns[p])
                    busy_cpu += capacity * (now - busy_cpu_at)
                    busy_cpu_at = now
                    virtual += rate * (now - virtual_at)
                    virtual_at = now
                    runnable -= 1.0 + extras[p]
                    if runnable < TINY_MS:
                        runnable = 0.0
                    capacity = min(runnable, physical_cores)
                    if runnable > physical_cores:
                        capacity += hyper_thread_yield * min(runnable - physical_cores, vcpu - physical_cores)
                    rate = capacity / runnable if runnable > 0.0 else 1.0
                    todo = 4
            if todo == 4:
                # The next frame: of a closed loop a new one, else the earliest that can still be in time.
                row = -1
                if closed_from_ms[p] >= 0.0:
                    if rows < most_rows:
                        row = rows
                        rows += 1
                        captured_ms[row] = now
                        pods_of[row] = p
                        factor_of[row] = factors[p * of_each + captured[p] % of_each]
                        captured[p] += 1
                else:
                    now_ns = round(now * 1e6)
                    needed_ns = int(min(mean_ns[p] + 2.0 * deviation_ns[p], latency_ns / 2))
                    while waiting[p]:
                        candidate = ring[p * widest + ring_head[p]]
                        ring_head[p] = (ring_head[p] + 1) % widest
                        waiting[p] -= 1
                        if live:
                            deadline_ns = round(captured_ms[candidate] * 1e6) + latency_ns
                            if now_ns + needed_ns > deadline_ns:
                                fates[candidate] = STALE
                                mean_ns[p] *= 0.99
                                deviation_ns[p] *= 0.99
                                continue
                        row = candidate
                        stage_ms[row * stages + queue_stage] = now - captured_ms[row] - stage_ms[row * stages + decode_stage]
                        break
                if row < 0:
                    todo = 0
                    continue
                row_of[p] = row
                factor[p] = float(factor_of[row])
                taken_at[p] = now
                stage_began[p] = now
                at_round[p] = begin_of[p]
                busy_cpu += capacity * (now - busy_cpu_at)
                busy_cpu_at = now
                virtual += rate * (now - virtual_at)
                virtual_at = now
                runnable += 1.0 + extras[p]
                capacity = min(runnable, physical_cores)
                if runnable > physical_cores:
                    capacity += hyper_thread_yield * min(runnable - physical_cores, vcpu - physical_cores)
                rate = capacity / runnable if runnable > 0.0 else 1.0
                todo = 3
            if todo == 3:
                r = at_round[p]
                work = cpu_work[r]
                if work > 0.0:
                    threads = threads_of[r]
                    if threads != 1.0:
                        busy_cpu += capacity * (now - busy_cpu_at)
                        busy_cpu_at = now
                        virtual += rate * (now - virtual_at)
                        virtual_at = now
                        runnable += threads - 1.0
                        capacity = min(runnable, physical_cores)
                        if runnable > physical_cores:
                            capacity += hyper_thread_yield * min(runnable - physical_cores, vcpu - physical_cores)
                        rate = capacity / runnable if runnable > 0.0 else 1.0
                    heappush(jobs, (virtual + rate * (now - virtual_at) + work * factor[p], p))
                    todo = 0
                else:
                    todo = 1
            if todo == 1:
                work = visit_work[at_round[p]] * factor[p]
                if work > 0.0:
                    d = dev_of[p]
                    visit_left[p] = work
                    if spins[p] != 1.0:
                        busy_cpu += capacity * (now - busy_cpu_at)
                        busy_cpu_at = now
                        virtual += rate * (now - virtual_at)
                        virtual_at = now
                        runnable += spins[p] - 1.0
                        if runnable < TINY_MS:
                            runnable = 0.0
                        capacity = min(runnable, physical_cores)
                        if runnable > physical_cores:
                            capacity += hyper_thread_yield * min(runnable - physical_cores, vcpu - physical_cores)
                        rate = capacity / runnable if runnable > 0.0 else 1.0
                    if on_device[d] < 0:
                        used = work
                        if used > slices[d]:
                            used = slices[d]
                        quantum[d] = used
                        if p != last_context[d]:
                            used += switches[d]
                            last_context[d] = p
                        on_device[d] = p
                        device_end[d] = now + used
                        busy_devices += used
                        if device_end[d] < next_device_end:
                            next_device_end = device_end[d]
                            next_device = d
                    else:
                        tail = line_head[d] + in_line[d]
                        if tail >= size:
                            tail -= size
                        line[d * size + tail] = p
                        in_line[d] += 1
                    todo = 0
                else:
                    todo = 2

        if len(jobs):
            # Virtual time is `virtual` at `virtual_at`; only what changes the rate moves that pair, so this stays exact.
            next_job_at = virtual_at + (jobs[0][0] - virtual) / rate
            if next_job_at < now:
                next_job_at = now
        else:
            next_job_at = np.inf

    if not warm:
        warm_busy_cpu = busy_cpu
        warm_busy_devices = busy_devices
    busy_cpu += capacity * (end_ms - busy_cpu_at)
    for d in range(devices):
        if on_device[d] >= 0:
            busy_devices -= device_end[d] - end_ms
    return rows, events, busy_cpu - warm_busy_cpu, busy_devices - warm_busy_devices
