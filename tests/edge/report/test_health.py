"""Health of a span of listening: how long, and where nothing was heard."""

from zoneinfo import ZoneInfo

import pytest

from edge.report.health import ListeningHealth, to_strips

UTC = ZoneInfo("UTC")
HOUR = 3_600_000


def health(
    *heard: tuple[float, float], until: float = 24.0, is_over: bool = True
) -> ListeningHealth:
    """Of the day at the epoch; spans in hours."""
    spans = [(round(begun * HOUR), round(ended * HOUR)) for begun, ended in heard]
    return ListeningHealth(
        begun_ms=0,
        ended_ms=round(until * HOUR),
        is_over=is_over,
        heard=spans,
        unsynchronised=0,
    )


def test_a_whole_day_has_no_gap() -> None:
    assert health((0, 24)).gaps == []
    assert health((0, 24)).told(UTC) == ["24.0 h of 24.0 h listened"]


def test_nothing_heard_is_no_list_of_gaps() -> None:
    assert health().told(UTC) == ["0 min of 24.0 h listened"]
    assert health(until=0).told(UTC) == ["0 min of 0 min listened"]


def test_gaps_come_with_the_longest_first_and_a_blink_is_none() -> None:
    found = health((1, 2), (2.01, 5), (9, 24))
    assert found.gaps == [(5 * HOUR, 9 * HOUR), (0, HOUR)]
    assert "2 gaps, the longest from 01 Jan 05:00 to 01 Jan 09:00" in found.told(UTC)


@pytest.mark.parametrize(("until", "days"), [(0, 1), (24, 1), (24.5, 2), (168, 7)])
def test_a_row_a_day(until: float, days: int) -> None:
    assert to_strips(health(until=until), UTC).count("<text") == days


def test_what_was_heard_over_midnight_is_in_both_days() -> None:
    drawn = to_strips(health((23, 25), until=48), UTC)
    assert drawn.count('width="18.0"') == 2, "an hour each"
    assert drawn.count("<rect") == 2 + 2


def test_what_a_running_listener_has_not_told_yet_is_no_gap() -> None:
    assert health((0, 9.95), until=10, is_over=False).gaps == []
    assert len(health((0, 9.95), until=10).gaps) == 1
    assert len(health((0, 9.5), until=10, is_over=False).gaps) == 1
