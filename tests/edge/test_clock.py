import uuid
from datetime import datetime, timedelta, timezone

import pytest

from edge.system import clock

SOME_MS = 1_777_610_107_250


@pytest.mark.parametrize("milliseconds", [0, 1, SOME_MS, 2**48 - 1])
def test_uuid7_has_version_variant_and_time(milliseconds: int) -> None:
    for _ in range(50):
        text = clock.uuid7(milliseconds)
        one = uuid.UUID(text)
        assert str(one) == text
        assert one.version == 7
        assert one.variant == uuid.RFC_4122
        assert one.int >> 80 == milliseconds


def test_uuid7_sorts_by_time_as_text() -> None:
    ids = [clock.uuid7(SOME_MS + n) for n in range(500)]
    assert sorted(ids) == ids


def test_uuid7_of_the_same_moment_differ() -> None:
    assert len({clock.uuid7(SOME_MS) for _ in range(1000)}) == 1000


def test_iso_has_milliseconds_and_says_utc() -> None:
    assert clock.iso_utc(0) == "1970-01-01T00:00:00.000Z"
    assert clock.iso_utc(SOME_MS) == "2026-05-01T04:35:07.250Z"


def test_iso_keeps_every_millisecond() -> None:
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    for milliseconds in range(SOME_MS, SOME_MS + 1000):
        read = datetime.fromisoformat(clock.iso_utc(milliseconds).replace("Z", "+00:00"))
        assert (read - epoch) // timedelta(milliseconds=1) == milliseconds


@pytest.mark.parametrize("named", ["Europe/Berlin", ":Europe/Berlin"])
def test_the_zone_is_that_of_tz(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setenv("TZ", named)
    assert clock.time_zone() == "Europe/Berlin"


def test_without_tz_there_is_still_a_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TZ", raising=False)
    assert clock.time_zone()
