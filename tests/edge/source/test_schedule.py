from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from edge.contract.errors import ConfigError
from edge.source.schedule import Schedule, read_schedule

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture(autouse=True)
def _in_berlin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")


def awake(schedule: Schedule, moment: datetime) -> bool:
    return Schedule(
        schedule.quiet, schedule.duty, schedule.place, lambda: moment.astimezone(timezone.utc)
    ).awake()


def at(text: str, day: int = 10, month: int = 5) -> datetime:
    hour, minute = map(int, text.split(":"))
    return datetime(2026, month, day, hour, minute, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("text", "moment", "expected"),
    [
        ("22:00..04:30", "21:59", True),
        ("22:00..04:30", "22:00", False),
        ("22:00..04:30", "00:00", False),
        ("22:00..04:30", "04:29", False),
        ("22:00..04:30", "04:30", True),
        ("09:00..17:00", "08:59", True),
        ("09:00..17:00", "12:00", False),
        ("09:00..17:00", "17:00", True),
    ],
)
def test_quiet_hours_are_those_of_the_stations_clock(text, moment, expected) -> None:
    assert awake(read_schedule(text, None, None, None), at(moment)) is expected


def test_the_sun_rises_where_the_station_is() -> None:
    """Berlin, 10 May 2026: sunrise 05:19, sunset 20:49 (timeanddate.com)."""
    schedule = read_schedule("sunset+60..sunrise-45", None, 52.52, 13.405)
    assert awake(schedule, at("21:45"))
    assert not awake(schedule, at("21:55"))
    assert not awake(schedule, at("04:29"))
    assert awake(schedule, at("04:40"))


def test_where_the_sun_does_not_set_nobody_rests() -> None:
    schedule = read_schedule("sunset..sunrise", None, 78.2, 15.6)  # Svalbard
    assert all(awake(schedule, at(f"{hour}:00", day=21, month=6)) for hour in range(24))


def test_in_white_nights_the_sun_still_sets() -> None:
    """Reykjavik, 10 June: sunset 23:52, sunrise 03:02, and no dusk between (timeanddate.com)."""
    schedule = read_schedule("sunset..sunrise", None, 64.1, -21.9)
    midnight = datetime(2026, 6, 11, 1, 0, tzinfo=timezone.utc)
    assert not awake(schedule, midnight)
    assert awake(schedule, midnight + timedelta(hours=4))


def test_a_zone_that_nobody_knows_matters_only_to_the_clock(monkeypatch) -> None:
    monkeypatch.setenv("TZ", "CET-1CEST")
    assert read_schedule(None, "5/15", None, None).duty == (5, 15)
    with pytest.raises(ConfigError, match="CET-1CEST"):
        read_schedule("22:00..04:00", None, None, None)


def test_a_change_to_summer_time_leaves_no_hole() -> None:
    schedule = read_schedule("01:00..05:00", None, None, None)
    night = datetime(2026, 3, 28, 23, 0, tzinfo=timezone.utc)  # the clock jumps at 01:00 UTC
    resting = [not awake(schedule, night + timedelta(minutes=n)) for n in range(360)]
    assert sum(resting) == 180  # four hours by the clock, three by the sun
    assert resting == sorted(resting[:240]) + sorted(resting[240:], reverse=True)


def test_a_duty_cycle_listens_its_share_whatever_the_clock_says() -> None:
    now = [0.0]
    cycle = read_schedule(None, "5/15", None, None)
    schedule = Schedule(duty=cycle.duty, monotonic=lambda: now[0])
    heard = 0
    for second in range(0, 3600):
        now[0] = float(second)
        heard += schedule.awake()
    assert heard == 1200


@pytest.mark.parametrize(
    ("quiet", "duty", "message"),
    [
        ("22:00", None, "22:00..04:30"),
        ("25:00..04:00", None, "25:00"),
        ("22:00..4:60", None, "4:60"),
        ("noon..night", None, "noon"),
        ("sunset..sunrise", None, "latitude"),
        (None, "5", "5/15"),
        (None, "20/15", "20/15"),
        (None, "0/15", "0/15"),
        (None, "a/b", "a/b"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_key(quiet, duty, message) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        read_schedule(quiet, duty, None, None)
    assert str(caught.value).startswith("quiet_hours" if quiet else "duty")
