from __future__ import annotations

from camslice.video.sources.groups import Groups


def begun(*starts: int) -> Groups:
    groups = Groups()
    for pts in starts:
        groups.begin(pts)
    return groups


def test_nothing_is_expected_before_the_second_fresh_start() -> None:
    assert (begun().next, begun(100).next) == (None, None)
    assert begun(100).overdue(101), "it need not be waited for"
    assert begun(100, 150).next == 200


def test_the_longest_of_the_last_four_is_what_is_expected() -> None:
    assert begun(0, 90, 140, 190, 240).next == 330
    assert begun(0, 90, 140, 190, 240, 290).next == 340, "the long one is five groups back"


def test_a_fresh_start_is_overdue_after_half_a_group_more() -> None:
    groups = begun(0, 100)
    assert not groups.overdue(250)
    assert groups.overdue(251)


def test_a_clock_that_goes_back_says_nothing_of_lengths() -> None:
    groups = begun(0, 100, 50)
    assert groups.next is None
    groups.begin(110)
    assert groups.next == 170
    groups.forget()
    assert (groups.last, groups.next) == (None, None)
