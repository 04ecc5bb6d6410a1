"""What `general` does, written for a compiler: open loops of streams that share pods, batches, engine servers, contexts that
compute at once. The same result to the bit, more than ten times as fast; a test holds both equal.

It follows `general`, `pod`, `server`, `device`, `clock` and `fleet.deadlines` step by step, in arrays instead of objects. What
is a call there is an action on a stack here: what a function does after a call lies below what it calls. Rows are frames in the
order of their arrival. A group is what a pod has taken and not yet given up or analysed (one of its slots), or what an engine
server computes (one of its lanes). Queues are those of the pods, then those of the servers.
"""

# One loop over all that can happen, as in `kernel`.
# ruff: noqa: PLR0912, PLR0915, PLC1802

from __future__ import annotations

from heapq import heappop, heappush

import numpy as np
import numpy.typing as npt

from camslice.plan.simulation.jit import jitted

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Job = tuple[float, int, float, int, int]
"""Virtual end, tie, threads, what then, whose."""

ANALYSED, SUPERSEDED, STALE = 0, 1, 2
CPU, ACCELERATOR, NOTHING = 0, 1, 2
BEFORE, INFERENCE, AFTER, SERVED = 0, 1, 2, 3
"""Where a group is on its way."""
GO, PUMP, ANSWERED, WAIT, DECODE, SERVE = 0, 1, 2, 3, 4, 5
"""Actions."""
ARRIVES, SLICE_ENDS, IS_THERE, IS_BACK, STEP_ENDS = 0, 1, 2, 3, 4
"""What the clock holds."""
STEP_DONE, VISIT_DONE, DECODED, SKIPPED, BACKGROUND = 0, 1, 2, 3, 4
"""What a job was."""
RUNNABLE, RATE, WORK, VIRTUAL, VIRTUAL_AT, DONE, DONE_AT, NEXT = 0, 1, 2, 3, 4, 5, 6, 7
"""Columns of what is shared equally."""
WAITING, SIZE, TIES, TAKEN_NS = 0, 1, 2, 3
GAP_NS, LOSSES, MEAN_NS, DEVIATION_NS = 0, 1, 2, 3
"""Columns of queues, and of what their frames are taken to need."""
TINY_MS = 1e-9


@jitted
def change_runnable(
    shared: Floats, number: int, more: float, now: float, cpu: Floats, caps: Floats, curve: Floats, curve_from: Ints
) -> None:
    """`SharedEqually._set_runnable`; number 0 is the processor, the others accelerators whose contexts compute at once."""
    shared[number, DONE] += shared[number, WORK] * (now - shared[number, DONE_AT])
    shared[number, DONE_AT] = now
    count = shared[number, RUNNABLE] + more
    if count < TINY_MS:
        count = 0.0
    shared[number, RUNNABLE] = count
    if number == 0:
        beyond = min(max(count - cpu[1], 0.0), cpu[0] - cpu[1])
        capacity = min(count, cpu[1]) + cpu[2] * beyond
        shared[number, RATE] = capacity / count if count > 0.0 else 1.0
        shared[number, WORK] = capacity
    elif count <= 0.0:
        shared[number, RATE] = 1.0
        shared[number, WORK] = 0.0
    else:
        known = curve_from[number + 1] - curve_from[number]
        at = curve_from[number] + min(int(count), known) - 1
        rate = min(caps[number], curve[at] / count)
        shared[number, RATE] = rate
        shared[number, WORK] = count * rate


@jitted
def look_ahead(shared: Floats, number: int, jobs: list[Job], now: float) -> None:
    """`SharedEqually._look_ahead`."""
    if len(jobs) == 0:
        shared[number, NEXT] = np.inf
    else:
        end = shared[number, VIRTUAL_AT] + (jobs[0][0] - shared[number, VIRTUAL]) / shared[number, RATE]
        shared[number, NEXT] = max(end, now)


@jitted
def push(heap_ns: Ints, heap_tie: Ints, heap_row: Ints, base: int, size: int, ns: int, tie: int, row: int) -> None:
    """Put a frame into the queue's order, whose `size` does not count it yet."""
    at = size
    while at > 0:
        above = (at - 1) // 2
        if heap_ns[base + above] < ns or (heap_ns[base + above] == ns and heap_tie[base + above] < tie):
            break
        heap_ns[base + at] = heap_ns[base + above]
        heap_tie[base + at] = heap_tie[base + above]
        heap_row[base + at] = heap_row[base + above]
        at = above
    heap_ns[base + at] = ns
    heap_tie[base + at] = tie
    heap_row[base + at] = row


@jitted
def pop(heap_ns: Ints, heap_tie: Ints, heap_row: Ints, base: int, size: int) -> None:
    """Take the first out of the queue's order, whose `size` still counts it."""
    last = size - 1
    ns, tie, row = heap_ns[base + last], heap_tie[base + last], heap_row[base + last]
    at = 0
    while True:
        below = 2 * at + 1
        if below >= last:
            break
        other = below + 1
        if other < last and (
            heap_ns[base + other] < heap_ns[base + below]
            or (heap_ns[base + other] == heap_ns[base + below] and heap_tie[base + other] < heap_tie[base + below])
        ):
            below = other
        if ns < heap_ns[base + below] or (ns == heap_ns[base + below] and tie < heap_tie[base + below]):
            break
        heap_ns[base + at] = heap_ns[base + below]
        heap_tie[base + at] = heap_tie[base + below]
        heap_row[base + at] = heap_row[base + below]
        at = below
    heap_ns[base + at] = ns
    heap_tie[base + at] = tie
    heap_row[base + at] = row


@jitted
def note_loss(queues_f: Floats, queue: int, shares: Floats, stream: int, lost: float) -> None:
    """`_Losses.note`."""
    if lost == 0.0 and queues_f[queue, LOSSES] == 0.0:
        return
    change = 0.05 * (lost - shares[stream])
    shares[stream] += change
    queues_f[queue, LOSSES] = max(0.0, queues_f[queue, LOSSES] + change)


@jitted
def sweep(
    queues: Ints, queue: int, heap_ns: Ints, heap_tie: Ints, heap_row: Ints, base: int, gone: npt.NDArray[np.bool_]
) -> None:
    """Take frames out of the first places of the order that wait no more."""
    while queues[queue, SIZE] and gone[heap_row[base]]:
        pop(heap_ns, heap_tie, heap_row, base, queues[queue, SIZE])
        queues[queue, SIZE] -= 1


@jitted
def take(
    queue: int,
    now_ns: int,
    latency_ns: int,
    queues: Ints,
    queues_f: Floats,
    shares: Floats,
    heap_ns: Ints,
    heap_tie: Ints,
    heap_row: Ints,
    base: int,
    gone: npt.NDArray[np.bool_],
    stream_of: Ints,
    stream_from: int,
    stale: Ints,
    passed: Ints,
) -> tuple[int, int]:
    """`DeadlineQueue.take`: the row (-1: none) and how many rows of `stale` are filled. `stream_from` is added to a row's
    `stream_of` to find its share of losses."""
    expected = queues_f[queue, MEAN_NS] + 2.0 * queues_f[queue, DEVIATION_NS]
    service_ns = int(min(expected, latency_ns / 2))
    late = 0
    while True:
        sweep(queues, queue, heap_ns, heap_tie, heap_row, base, gone)
        if queues[queue, SIZE] == 0:
            return -1, late
        row = heap_row[base]
        if now_ns + service_ns > heap_ns[base]:
            pop(heap_ns, heap_tie, heap_row, base, queues[queue, SIZE])
            queues[queue, SIZE] -= 1
            queues[queue, WAITING] -= 1
            note_loss(queues_f, queue, shares, stream_from + stream_of[row], 1.0)
            stale[late] = row
            late += 1
            continue
        if queues_f[queue, LOSSES] < 0.005:
            pop(heap_ns, heap_tie, heap_row, base, queues[queue, SIZE])
            queues[queue, SIZE] -= 1
        else:
            until = heap_ns[base] + max(latency_ns * (1 / 32), 2.0 * queues_f[queue, GAP_NS])
            count = 0
            chosen = -1
            while True:
                sweep(queues, queue, heap_ns, heap_tie, heap_row, base, gone)
                if queues[queue, SIZE] == 0 or heap_ns[base] > until or count >= 64:
                    break
                row = heap_row[base]
                first = True
                for other in range(count):
                    if stream_of[passed[other * 3 + 2]] == stream_of[row]:
                        first = False
                passed[count * 3] = heap_ns[base]
                passed[count * 3 + 1] = heap_tie[base]
                passed[count * 3 + 2] = row
                # In this order deadlines and ties only grow: of equal shares the first one stays.
                if first and (
                    chosen < 0 or shares[stream_from + stream_of[row]] > shares[stream_from + stream_of[passed[chosen * 3 + 2]]]
                ):
                    chosen = count
                count += 1
                pop(heap_ns, heap_tie, heap_row, base, queues[queue, SIZE])
                queues[queue, SIZE] -= 1
            for other in range(count):
                if other != chosen:
                    at = other * 3
                    push(
                        heap_ns, heap_tie, heap_row, base, queues[queue, SIZE], passed[at], passed[at + 1], passed[at + 2]
                    )  # fmt: skip
                    queues[queue, SIZE] += 1
            row = passed[chosen * 3 + 2]
        gap_ns = now_ns - queues[queue, TAKEN_NS]
        queues[queue, TAKEN_NS] = now_ns
        if queues[queue, WAITING] > 1 and gap_ns < latency_ns:
            queues_f[queue, GAP_NS] += 0.1 * (gap_ns - queues_f[queue, GAP_NS])
        queues[queue, WAITING] -= 1
        note_loss(queues_f, queue, shares, stream_from + stream_of[row], 0.0)
        return row, late


@jitted
def note_service(queues_f: Floats, queue: int, service_ns: int) -> None:
    """`ServiceTime.note`."""
    error_ns = service_ns - queues_f[queue, MEAN_NS]
    queues_f[queue, MEAN_NS] += 0.1 * error_ns
    queues_f[queue, DEVIATION_NS] += 0.1 * (abs(error_ns) - queues_f[queue, DEVIATION_NS])


@jitted
def run_general_kernel(
    step_where: Ints,
    step_ms: Floats,
    step_threads: Floats,
    step_stage: Ints,
    before_from: Ints,
    before_count: Ints,
    after_from: Ints,
    after_count: Ints,
    batch_table: Ints,
    batch_from: Ints,
    most_batch: Ints,
    stream_from: Ints,
    group_from: Ints,
    lanes_of: Ints,
    device_of: Ints,
    server_of: Ints,
    spinning: Floats,
    extra: Floats,
    background: Floats,
    depth: Ints,
    decode_ms: Floats,
    undue_ms: Floats,
    network_ms: Floats,
    cpu: Floats,
    slice_ms: Floats,
    switch_ms: Floats,
    shared_of: Ints,
    caps: Floats,
    curve: Floats,
    curve_from: Ints,
    latency_ns: int,
    arrival_ms: Floats,
    captured_ms: Floats,
    captured_ns: Ints,
    pod_of: Ints,
    stream_of: Ints,
    next_of: Ints,
    factor_of: Floats,
    fates: Ints,
    stage_ms: Floats,
    queue_stage: int,
    decode_stage: int,
    network_stage: int,
    warm_up_ms: float,
    end_ms: float,
) -> tuple[int, int, float, float]:
    """Run until `end_ms`; returns rows that arrived, events, and the work in the window by processor and accelerators, in ms.

    Pods come first and servers behind them in `batch_from` (their first line of `batch_table`, which has first step and number
    of steps), `most_batch`, `group_from` (their groups end where the next one's begin), `lanes_of` and `device_of` (-1: none).
    Streams are numbered through all pods, those of pod p from `stream_from[p]`. `shared_of`: by accelerator, which of the
    resources that are shared equally it is (0: its contexts take turns).
    """
    pods = len(before_from)
    servers = len(network_ms)
    owners = pods + servers
    groups = group_from[owners]
    streams = len(depth)
    devices = len(slice_ms)
    resources = len(caps)
    rows = len(arrival_ms)
    widest = 1
    for owner in range(owners):
        widest = max(widest, most_batch[owner])

    # Queues: pods' of their streams, servers' of the pods.
    queues = np.zeros((owners, 4), np.int64)
    queues_f = np.zeros((owners, 4))
    shares = np.zeros(streams + servers * pods)
    bases = np.zeros(owners + 1, np.int64)
    ring_from = np.zeros(streams + 1, np.int64)
    for stream in range(streams):
        ring_from[stream + 1] = ring_from[stream] + depth[stream]
    most_waiting = 1
    for owner in range(owners):
        room = groups * widest + 1
        if owner < pods:
            room = 3 * (ring_from[stream_from[owner + 1]] - ring_from[stream_from[owner]]) + 80
        bases[owner + 1] = bases[owner] + room
        most_waiting = max(most_waiting, room)
    heap_ns = np.zeros(bases[owners], np.int64)
    heap_tie = np.zeros(bases[owners], np.int64)
    heap_row = np.zeros(bases[owners], np.int64)
    stale = np.zeros(most_waiting, np.int64)
    passed = np.zeros(3 * 64, np.int64)
    ring = np.zeros(ring_from[streams], np.int64)
    ring_head = np.zeros(streams, np.int64)
    ring_count = np.zeros(streams, np.int64)
    gone = np.zeros(rows, np.bool_)
    line_head = np.zeros(streams, np.int64)
    line_count = np.zeros(streams, np.int64)
    since = captured_ms.copy()

    # Groups.
    owner_of = np.zeros(groups, np.int64)
    for owner in range(owners):
        for group in range(group_from[owner], group_from[owner + 1]):
            owner_of[group] = owner
    busy = np.zeros(groups, np.bool_)
    held = np.zeros((groups, widest), np.int64)
    count_of = np.zeros(groups, np.int64)
    began = np.zeros(groups)
    phase = np.zeros(groups, np.int64)
    position = np.zeros(groups, np.int64)
    factor = np.ones(groups)
    left = np.zeros(groups)
    asked = np.zeros(groups, np.int64)
    in_time = np.ones(groups, np.bool_)
    group_of = np.zeros(rows, np.int64)
    free = np.zeros(pods, np.int64)
    for owner in range(pods):
        free[owner] = group_from[owner + 1] - group_from[owner]
    lanes = lanes_of.copy()
    for_a_lane = np.zeros(groups, np.int64)
    lane_head = np.zeros(pods, np.int64)
    lane_count = np.zeros(pods, np.int64)

    # Resources.
    shared = np.zeros((resources, 8))
    jobs = [[(0.0, 0, 0.0, 0, 0)] for _ in range(resources)]
    job_ties = np.zeros(resources, np.int64)
    for number in range(resources):
        jobs[number].pop()
        shared[number, RATE] = 1.0
        shared[number, NEXT] = np.inf
    line = np.zeros((devices, groups + 1), np.int64)
    device_head = np.zeros(devices, np.int64)
    device_count = np.zeros(devices, np.int64)
    computing = np.full(devices, -1, np.int64)
    quantum = np.zeros(devices)
    device_until = np.zeros(devices)
    device_busy = np.zeros(devices)
    last_context = np.full(devices, -1, np.int64)

    due = [(0.0, 0, 0, 0)]
    due.pop()
    tie = 0
    next_row = 0
    if rows:
        tie += 1
        heappush(due, (arrival_ms[0], tie, ARRIVES, 0))
    stack = [(0, 0)]
    stack.pop()
    events = 0
    now = 0.0
    warm = False
    cpu_before = 0.0
    devices_before = 0.0

    while True:
        then = due[0][0] if len(due) else np.inf
        ends = -1
        for number in range(resources):
            if shared[number, NEXT] <= then:
                then = shared[number, NEXT]
                ends = number
        if not warm and then >= warm_up_ms:
            warm = True
            cpu_before = shared[0, DONE] + shared[0, WORK] * (warm_up_ms - shared[0, DONE_AT])
            for d in range(devices):
                number = shared_of[d]
                if number:
                    done = shared[number, DONE] + shared[number, WORK] * (warm_up_ms - shared[number, DONE_AT])
                    devices_before += done / curve[curve_from[number + 1] - 1]
                else:
                    devices_before += device_busy[d] - max(0.0, device_until[d] - warm_up_ms)
        if then >= end_ms:
            break
        now = then
        events += 1
        freed = -1  # an accelerator whose next context is to begin
        stepped = -1  # a group whose step is done
        spun = 0.0  # threads that it spun with meanwhile

        if ends >= 0:
            virtual_end, _, threads, what, whose = heappop(jobs[ends])
            shared[ends, VIRTUAL] = virtual_end
            shared[ends, VIRTUAL_AT] = now
            change_runnable(shared, ends, -threads, now, cpu, caps, curve, curve_from)
            look_ahead(shared, ends, jobs[ends], now)
            if what == STEP_DONE:
                stepped = whose
            elif what == VISIT_DONE:
                stepped = whose
                spun = spinning[owner_of[whose]] if owner_of[whose] < pods else 0.0
            elif what == DECODED:
                row = line_head[whose]
                stack.append((WAIT, row))
                if undue_ms[whose] > 0.0:
                    shared[0, VIRTUAL] += shared[0, RATE] * (now - shared[0, VIRTUAL_AT])
                    shared[0, VIRTUAL_AT] = now
                    change_runnable(shared, 0, 1.0, now, cpu, caps, curve, curve_from)
                    job_ties[0] += 1
                    heappush(jobs[0], (shared[0, VIRTUAL] + undue_ms[whose], job_ties[0], 1.0, SKIPPED, whose))
                    look_ahead(shared, 0, jobs[0], now)
                else:
                    line_head[whose] = next_of[row]
                    line_count[whose] -= 1
                    if line_count[whose]:
                        stack.append((DECODE, whose))
            elif what == SKIPPED:
                line_head[whose] = next_of[line_head[whose]]
                line_count[whose] -= 1
                if line_count[whose]:
                    stack.append((DECODE, whose))
        else:
            _, _, what, whose = heappop(due)
            if what == ARRIVES:
                row = whose
                next_row = row + 1
                if next_row < rows:
                    tie += 1
                    heappush(due, (arrival_ms[next_row], tie, ARRIVES, next_row))
                stream = stream_of[row]
                if decode_ms[stream] + undue_ms[stream] <= 0.0:
                    stack.append((WAIT, row))
                else:
                    if line_count[stream] == 0:
                        line_head[stream] = row
                        stack.append((DECODE, stream))
                    line_count[stream] += 1
            elif what == SLICE_ENDS:
                d = whose
                group = computing[d]
                rest = left[group] - quantum[d]
                if rest > TINY_MS:
                    left[group] = rest
                    line[d, (device_head[d] + device_count[d]) % (groups + 1)] = group
                    device_count[d] += 1
                else:
                    stepped = group
                    spun = spinning[owner_of[group]] if owner_of[group] < pods else 0.0
                freed = d
            elif what == STEP_ENDS:
                stepped = whose
            else:
                for index in range(count_of[whose]):
                    row = held[whose, index]
                    stage_ms[row, network_stage] += now - since[row]
                    since[row] = now
                if what == IS_BACK:
                    stack.append((ANSWERED, whose))
                else:
                    owner = pods + server_of[owner_of[whose]]
                    for index in range(count_of[whose]):
                        row = held[whose, index]
                        queues[owner, TIES] += 1
                        push(
                            heap_ns, heap_tie, heap_row, bases[owner], queues[owner, SIZE],
                            captured_ns[row] + latency_ns, queues[owner, TIES], row,
                        )  # fmt: skip
                        queues[owner, SIZE] += 1
                        queues[owner, WAITING] += 1
                    stack.append((SERVE, owner))

        while True:
            if freed >= 0:
                d = freed
                freed = -1
                if device_count[d] == 0:
                    computing[d] = -1
                else:
                    group = line[d, device_head[d]]
                    device_head[d] = (device_head[d] + 1) % (groups + 1)
                    device_count[d] -= 1
                    used = min(left[group], slice_ms[d])
                    quantum[d] = used
                    if owner_of[group] != last_context[d]:
                        used += switch_ms[d]
                        last_context[d] = owner_of[group]
                    computing[d] = group
                    device_busy[d] += used
                    device_until[d] = now + used
                    tie += 1
                    heappush(due, (device_until[d], tie, SLICE_ENDS, d))
            if stepped >= 0:
                if spun != 0.0:
                    shared[0, VIRTUAL] += shared[0, RATE] * (now - shared[0, VIRTUAL_AT])
                    shared[0, VIRTUAL_AT] = now
                    change_runnable(shared, 0, -spun, now, cpu, caps, curve, curve_from)
                    look_ahead(shared, 0, jobs[0], now)
                    spun = 0.0
                stack.append((GO, -1 - stepped))
                stepped = -1
            if len(stack) == 0:
                break
            action, whose = stack.pop()

            if action == DECODE:
                stream = whose
                if decode_ms[stream] > 0.0:
                    work, what = decode_ms[stream], DECODED
                else:
                    row = line_head[stream]
                    stack.append((WAIT, row))
                    work, what = undue_ms[stream], SKIPPED
                shared[0, VIRTUAL] += shared[0, RATE] * (now - shared[0, VIRTUAL_AT])
                shared[0, VIRTUAL_AT] = now
                change_runnable(shared, 0, 1.0, now, cpu, caps, curve, curve_from)
                job_ties[0] += 1
                heappush(jobs[0], (shared[0, VIRTUAL] + work, job_ties[0], 1.0, what, stream))
                look_ahead(shared, 0, jobs[0], now)

            elif action == WAIT:
                row = whose
                stage_ms[row, decode_stage] += now - since[row]
                since[row] = now
                owner = pod_of[row]
                stream = stream_of[row]
                room = depth[stream]
                if ring_count[stream] >= room:
                    old = ring[ring_from[stream] + ring_head[stream]]
                    ring_head[stream] = (ring_head[stream] + 1) % room
                    ring_count[stream] -= 1
                    gone[old] = True
                    queues[owner, WAITING] -= 1
                    fates[old] = SUPERSEDED
                    size = queues[owner, SIZE]
                    if size > 2 * queues[owner, WAITING] + 64:
                        base = bases[owner]
                        kept = 0
                        for at in range(size):
                            if not gone[heap_row[base + at]]:
                                push(
                                    heap_ns, heap_tie, heap_row, base, kept,
                                    heap_ns[base + at], heap_tie[base + at], heap_row[base + at],
                                )  # fmt: skip
                                kept += 1
                        queues[owner, SIZE] = kept
                    note_loss(queues_f, owner, shares, stream, 1.0)
                ring[ring_from[stream] + (ring_head[stream] + ring_count[stream]) % room] = row
                ring_count[stream] += 1
                queues[owner, TIES] += 1
                push(
                    heap_ns, heap_tie, heap_row, bases[owner], queues[owner, SIZE],
                    captured_ns[row] + latency_ns, queues[owner, TIES], row,
                )  # fmt: skip
                queues[owner, SIZE] += 1
                queues[owner, WAITING] += 1
                stack.append((PUMP, owner))

            elif action in (PUMP, SERVE):
                owner = whose
                ready = free[owner] if action == PUMP else lanes[owner]
                if ready == 0 or queues[owner, WAITING] == 0:
                    continue
                group = group_from[owner]
                while busy[group]:
                    group += 1
                now_ns = int(np.rint(now * 1e6))
                count = 0
                total = 0.0
                first_share = 0 if action == PUMP else streams + (owner - pods) * pods
                while count < most_batch[owner]:
                    row, late = take(
                        owner, now_ns, latency_ns, queues, queues_f, shares, heap_ns, heap_tie, heap_row, bases[owner], gone,
                        stream_of if action == PUMP else pod_of, first_share, stale, passed,
                    )  # fmt: skip
                    for index in range(late):
                        lost = stale[index]
                        queues_f[owner, MEAN_NS] *= 0.99
                        queues_f[owner, DEVIATION_NS] *= 0.99
                        if action == PUMP:
                            fates[lost] = STALE
                            stream = stream_of[lost]
                            ring_head[stream] = (ring_head[stream] + 1) % depth[stream]
                            ring_count[stream] -= 1
                        else:
                            asking = group_of[lost]
                            asked[asking] -= 1
                            in_time[asking] = False
                            if asked[asking] == 0:
                                for other in range(count_of[asking]):
                                    back = held[asking, other]
                                    stage_ms[back, queue_stage] += now - since[back]
                                    since[back] = now
                                tie += 1
                                heappush(due, (now + network_ms[owner - pods] / 2, tie, IS_BACK, asking))
                    if row < 0:
                        break
                    if action == PUMP:
                        stream = stream_of[row]
                        ring_head[stream] = (ring_head[stream] + 1) % depth[stream]
                        ring_count[stream] -= 1
                        group_of[row] = group
                    held[group, count] = row
                    total += factor_of[row]
                    count += 1
                if count == 0:
                    continue
                busy[group] = True
                count_of[group] = count
                began[group] = now
                factor[group] = total / count
                position[group] = 0
                stack.append((action, owner))
                if action == SERVE:
                    lanes[owner] -= 1
                    phase[group] = SERVED
                    for index in range(count):
                        row = held[group, index]
                        stage_ms[row, queue_stage] += now - since[row]
                        since[row] = now
                else:
                    free[owner] -= 1
                    phase[group] = BEFORE
                    if extra[owner] != 0.0:
                        shared[0, VIRTUAL] += shared[0, RATE] * (now - shared[0, VIRTUAL_AT])
                        shared[0, VIRTUAL_AT] = now
                        change_runnable(shared, 0, extra[owner], now, cpu, caps, curve, curve_from)
                        look_ahead(shared, 0, jobs[0], now)
                    for index in range(count):
                        row = held[group, index]
                        stage_ms[row, queue_stage] += now - since[row]
                        since[row] = now
                        if background[owner] > 0.0:
                            shared[0, VIRTUAL] += shared[0, RATE] * (now - shared[0, VIRTUAL_AT])
                            shared[0, VIRTUAL_AT] = now
                            change_runnable(shared, 0, 1.0, now, cpu, caps, curve, curve_from)
                            job_ties[0] += 1
                            work = background[owner] * factor_of[row]
                            heappush(jobs[0], (shared[0, VIRTUAL] + work, job_ties[0], 1.0, BACKGROUND, 0))
                            look_ahead(shared, 0, jobs[0], now)
                stack.append((GO, group))

            elif action == ANSWERED:
                group = whose
                position[group] = 0
                phase[group] = AFTER
                if in_time[group]:
                    stack.append((GO, group))
                    continue
                owner = owner_of[group]
                for index in range(count_of[group]):
                    fates[held[group, index]] = STALE
                if extra[owner] != 0.0:
                    shared[0, VIRTUAL] += shared[0, RATE] * (now - shared[0, VIRTUAL_AT])
                    shared[0, VIRTUAL_AT] = now
                    change_runnable(shared, 0, -extra[owner], now, cpu, caps, curve, curve_from)
                    look_ahead(shared, 0, jobs[0], now)
                free[owner] += 1
                busy[group] = False
                stack.append((PUMP, owner))

            else:
                # On with a group's steps; a number below 0 says that its step is done.
                group = whose
                ended = group < 0
                if ended:
                    group = -1 - group
                owner = owner_of[group]
                if phase[group] == BEFORE:
                    first_step, length, repeats = before_from[owner], before_count[owner], count_of[group]
                elif phase[group] == AFTER:
                    first_step, length, repeats = after_from[owner], after_count[owner], count_of[group]
                else:
                    at = batch_from[owner] + count_of[group] - 1
                    first_step, length, repeats = batch_table[at, 0], batch_table[at, 1], 1
                waits = False
                while position[group] < length * repeats:
                    step = first_step + position[group] % length
                    if step_ms[step] > 0.0 and not ended:
                        work = step_ms[step] * factor[group]
                        d = device_of[owner]
                        if step_where[step] == CPU:
                            threads = step_threads[step]
                            if threads != 0.0:
                                shared[0, VIRTUAL] += shared[0, RATE] * (now - shared[0, VIRTUAL_AT])
                                shared[0, VIRTUAL_AT] = now
                                change_runnable(shared, 0, threads, now, cpu, caps, curve, curve_from)
                            virtual = shared[0, VIRTUAL] + shared[0, RATE] * (now - shared[0, VIRTUAL_AT])
                            job_ties[0] += 1
                            heappush(jobs[0], (virtual + work, job_ties[0], threads, STEP_DONE, group))
                            look_ahead(shared, 0, jobs[0], now)
                        elif step_where[step] == ACCELERATOR and d >= 0:
                            spins = spinning[owner] if owner < pods else 0.0
                            if spins != 0.0:
                                shared[0, VIRTUAL] += shared[0, RATE] * (now - shared[0, VIRTUAL_AT])
                                shared[0, VIRTUAL_AT] = now
                                change_runnable(shared, 0, spins, now, cpu, caps, curve, curve_from)
                                look_ahead(shared, 0, jobs[0], now)
                            number = shared_of[d]
                            if number:
                                shared[number, VIRTUAL] += shared[number, RATE] * (now - shared[number, VIRTUAL_AT])
                                shared[number, VIRTUAL_AT] = now
                                change_runnable(shared, number, 1.0, now, cpu, caps, curve, curve_from)
                                job_ties[number] += 1
                                end = shared[number, VIRTUAL] + work
                                heappush(jobs[number], (end, job_ties[number], 1.0, VISIT_DONE, group))
                                look_ahead(shared, number, jobs[number], now)
                            else:
                                left[group] = work
                                line[d, (device_head[d] + device_count[d]) % (groups + 1)] = group
                                device_count[d] += 1
                                if computing[d] < 0:
                                    freed = d
                        else:
                            tie += 1
                            heappush(due, (now + work, tie, STEP_ENDS, group))
                        waits = True
                        break
                    ended = False
                    for index in range(count_of[group]):
                        row = held[group, index]
                        stage_ms[row, step_stage[step]] += now - since[row]
                        since[row] = now
                    position[group] += 1
                if waits:
                    continue
                if phase[group] == BEFORE:
                    if server_of[owner] >= 0:
                        asked[group] = count_of[group]
                        in_time[group] = True
                        for index in range(count_of[group]):
                            row = held[group, index]
                            stage_ms[row, queue_stage] += now - since[row]
                            since[row] = now
                        tie += 1
                        heappush(due, (now + network_ms[server_of[owner]] / 2, tie, IS_THERE, group))
                        continue
                    following = group
                    if lanes[owner] == 0:
                        room = group_from[owner + 1] - group_from[owner]
                        at = group_from[owner] + (lane_head[owner] + lane_count[owner]) % room
                        for_a_lane[at] = group
                        lane_count[owner] += 1
                        continue
                elif phase[group] == INFERENCE:
                    lanes[owner] += 1
                    in_time[group] = True
                    stack.append((ANSWERED, group))
                    if lane_count[owner] == 0:
                        continue
                    room = group_from[owner + 1] - group_from[owner]
                    following = for_a_lane[group_from[owner] + lane_head[owner]]
                    lane_head[owner] = (lane_head[owner] + 1) % room
                    lane_count[owner] -= 1
                else:
                    now_ns = int(np.rint(now * 1e6))
                    note_service(queues_f, owner, now_ns - int(np.rint(began[group] * 1e6)))
                    busy[group] = False
                    if phase[group] == SERVED:
                        lanes[owner] += 1
                        for index in range(count_of[group]):
                            asking = group_of[held[group, index]]
                            asked[asking] -= 1
                            if asked[asking] == 0:
                                for other in range(count_of[asking]):
                                    row = held[asking, other]
                                    stage_ms[row, queue_stage] += now - since[row]
                                    since[row] = now
                                tie += 1
                                heappush(due, (now + network_ms[owner - pods] / 2, tie, IS_BACK, asking))
                        stack.append((SERVE, owner))
                    else:
                        for index in range(count_of[group]):
                            fates[held[group, index]] = ANALYSED
                        if extra[owner] != 0.0:
                            shared[0, VIRTUAL] += shared[0, RATE] * (now - shared[0, VIRTUAL_AT])
                            shared[0, VIRTUAL_AT] = now
                            change_runnable(shared, 0, -extra[owner], now, cpu, caps, curve, curve_from)
                            look_ahead(shared, 0, jobs[0], now)
                        free[owner] += 1
                        stack.append((PUMP, owner))
                    continue
                # A lane for `following`.
                lanes[owner] -= 1
                for index in range(count_of[following]):
                    row = held[following, index]
                    stage_ms[row, queue_stage] += now - since[row]
                    since[row] = now
                phase[following] = INFERENCE
                position[following] = 0
                stack.append((GO, following))

    cpu_done = shared[0, DONE] + shared[0, WORK] * (end_ms - shared[0, DONE_AT])
    devices_done = 0.0
    for d in range(devices):
        number = shared_of[d]
        if number:
            done = shared[number, DONE] + shared[number, WORK] * (end_ms - shared[number, DONE_AT])
            devices_done += done / curve[curve_from[number + 1] - 1]
        else:
            devices_done += device_busy[d] - max(0.0, device_until[d] - end_ms)
    return next_row, events, cpu_done - cpu_before, devices_done - devices_before
