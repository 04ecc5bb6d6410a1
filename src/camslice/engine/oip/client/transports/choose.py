"""Which way pictures go when nobody says: shared memory on one host, else whichever of two is measured to be faster.

Bytes as they are cost bandwidth, JPEG costs two processors; which is less depends on the link and on both machines, so it is
tried with the very server, model and size that are to be used.
"""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np

from camslice.engine.oip.client.connection import Connection
from camslice.engine.oip.client.offer import Offer
from camslice.engine.oip.client.refusals import UnsupportedError
from camslice.engine.oip.client.transports.cargo import Cargo
from camslice.engine.oip.client.transports.way import Way, set_up
from camslice.engine.oip.client.wanted import Wanted
from camslice.fleet.errors import EngineError, MachineError
from camslice.fleet.geometry import Letterbox, Region
from camslice.fleet.types import Transport
from camslice.models.model import InputSpec
from camslice.video.picture import StillPicture

log = logging.getLogger(__name__)

TRIES = 5
"""Round trips of each kind, in turns, after one that does not count."""

Send = Callable[[Cargo], object]
"""Sends a cargo of one picture and waits for the answer."""


def choose(wanted: Wanted, offer: Offer, connection: Connection, send: Send) -> Way:
    """The declared way, or with `auto` the best one. Raises EngineError or MachineError if it cannot be had."""
    transport = wanted.server.transport
    if transport is not Transport.AUTO:
        return set_up(transport, wanted, offer, connection)
    if connection.address.same_host:
        try:
            return set_up(Transport.SHARED_MEMORY, wanted, offer, connection)
        except UnsupportedError as error:
            log.info("no shared memory with this server: %s", error)
        except (EngineError, MachineError) as error:
            log.warning("no shared memory with this server, pictures travel in requests: %s", error)
    inline = set_up(Transport.INLINE, wanted, offer, connection)
    if offer.jpeg is None or inline.transport is not Transport.INLINE:
        return inline
    return faster(inline, set_up(Transport.JPEG, wanted, offer, connection), wanted.info.input, send)


def faster(one: Way, other: Way, spec: InputSpec, send: Send, clock_ns: Callable[[], int] = time.monotonic_ns) -> Way:
    """Whichever of two ways has the smaller median from a filled slot to an answer."""
    picture = sample_picture(spec.width, spec.height)
    whole = Letterbox.fit(Region(0, 0, spec.width, spec.height), spec.width, spec.height, centred=False)
    cargos = [way.cargo() for way in (one, other)]
    for cargo in cargos:
        picture.scale_into(cargo.arrays.slot_for(0, whole), whole)
        send(cargo)
    took_ns: tuple[list[int], list[int]] = ([], [])
    for _ in range(TRIES):
        for cargo, times in zip(cargos, took_ns, strict=True):
            began_ns = clock_ns()
            send(cargo)
            times.append(clock_ns() - began_ns)
    medians_ms = [statistics.median(times) / 1e6 for times in took_ns]
    log.info("%s takes %.1f ms, %s %.1f ms", one.transport, medians_ms[0], other.transport, medians_ms[1])
    return one if medians_ms[0] <= medians_ms[1] else other


def sample_picture(width: int, height: int) -> StillPicture:
    """A picture with about as much detail as a street: soft shapes under the noise of a camera. Always the same."""
    rng = np.random.default_rng(0)
    shapes = rng.integers(0, 256, (max(2, height // 24), max(2, width // 24), 3), np.uint8)
    soft = cv2.resize(shapes, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    return StillPicture(np.clip(soft + rng.normal(0, 4, soft.shape), 0, 255).astype(np.uint8))
