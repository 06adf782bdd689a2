"""Days of a zone: clocks that are set forward, back, by half an hour, and twice a year."""

from datetime import datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

pytest.importorskip("hypothesis")

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.system.days import QUARTER_MS, local, offsets

ZONES = (
    "UTC",
    "Europe/Berlin",
    "Africa/Casablanca",
    "Antarctica/Troll",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
)
BEGUN_MS = round(datetime(2010, 1, 1, tzinfo=timezone.utc).timestamp() * 1000)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(ZONES), st.integers(0, 96 * 6000), st.integers(0, 96 * 400))
def test_clocks_are_set_alike_within_a_span_and_otherwise_in_the_next(name, after, count):
    zone, since_ms = ZoneInfo(name), BEGUN_MS + after * QUARTER_MS
    until_ms = since_ms + count * QUARTER_MS
    spans = [*offsets(since_ms, until_ms, zone)]
    assert [begun for begun, _, _ in spans] == [since_ms, *(end for _, end, _ in spans[:-1])][
        : len(spans)
    ]
    assert not count or spans[-1][1] == until_ms
    assert all(one[2] != other[2] for one, other in pairwise(spans))
    for begun, ended, offset_s in spans:
        for moment_ms in (begun, (begun + ended) // 2, ended - 1):
            assert local(moment_ms, zone).utcoffset() == timedelta(seconds=offset_s)
