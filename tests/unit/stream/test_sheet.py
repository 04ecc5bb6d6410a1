"""What lies in the slots of a batch: the part that came first always, colour spaces apart, and nothing over the limit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from camslice.fleet.geometry import Region
from camslice.models.detections import Detections
from camslice.stream.request import Part, Request
from camslice.stream.sheet import Composer
from camslice.stream.watching.look import Look
from camslice.video.colour import STILL_COLOUR, Matrix, YuvColour
from camslice.video.frame import Frame
from tests.unit.stream.fakes import FakeClock, FakeEngine, FakePicture, a_frame
from tests.unit.stream.test_scheduler_regions import STILL, Bench, Wanted

SIDE = 64
COLOURS = (STILL_COLOUR, YuvColour(Matrix.BT709, full_range=True))
regions = st.builds(Region, st.integers(0, 20), st.integers(0, 20), st.integers(2, 44), st.integers(2, 28))
wanted = st.one_of(
    st.just((Look.FULL, Look.FULL, ())),
    st.lists(regions, min_size=1, max_size=4).map(lambda some: (Look.REGIONS, Look.REGIONS, tuple(some))),
)


def part_of(wanted: Wanted, colour: YuvColour) -> Part:
    bench = Bench()
    bench.attention.next = wanted
    decision = bench.attention.decide(0, STILL, 1.0, (64, 48), 1.0)
    clock = FakeClock()
    frame = Frame(FakePicture(colour=colour), a_frame(clock).stamp)
    return Part(Request(0, 0, 1, frame, Region(0, 0, 64, 48), decision), whole=decision.look is Look.FULL)


@given(st.lists(st.tuples(wanted, st.sampled_from(COLOURS)), min_size=1, max_size=8), st.integers(1, 4))
def test_every_part_that_was_taken_in_lies_on_the_sheet_whole_or_is_given_back(
    offered: list[tuple[Wanted, YuvColour]], limit: int
) -> None:
    composer = Composer(FakeEngine(FakeClock(), 1, limit, SIDE), limit, 1.0)
    taken = [part for part in (part_of(*each) for each in offered) if composer.add(part)]
    sheet, left = composer.compose()
    assert 1 <= len(sheet.slots) <= limit
    on_it = {part.request for part in sheet.parts}
    assert taken[0].request in on_it
    assert on_it | {part.request for part in left} == {part.request for part in taken}
    assert not on_it & {part.request for part in left}
    for slot in sheet.slots:
        assert len({piece.part.request.frame.picture.colour for piece in slot}) == 1
        assert len(slot) == 1 or not any(piece.part.whole for piece in slot)
    for part in sheet.parts:
        drawn = [piece.letterbox.region for slot in sheet.slots for piece in slot if piece.part is part]
        assert sorted(map(repr, drawn)) == sorted(map(repr, [part.request.region] if part.whole else part.request.regions))
    sheet.answer([Detections.none() for _ in sheet.slots])
    assert all(request.answered for request in on_it)
