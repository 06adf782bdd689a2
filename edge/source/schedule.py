"""Schedule of a station: quiet hours, by the clock or the sun, and a duty cycle to save power."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

from edge.contract.errors import ConfigError
from edge.system import clock
from edge.system.zone import local_zone

_MOMENT = re.compile(r"(\d{1,2}):(\d\d)|(sunrise|sunset)([+-]\d{1,3})?")
_DUTY = re.compile(r"(\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Moment:
    """A time of day."""

    minutes: int
    """After midnight, or after `sun`."""
    sun: str | None = None
    """`sunrise` or `sunset`."""

    def on(self, day: date, place: "Site") -> datetime | None:
        """That moment of a day; None where the sun doesn't rise or set."""
        if self.sun:
            begun = place.sun(day, self.sun)
            return begun and begun + timedelta(minutes=self.minutes)
        midnight = datetime(day.year, day.month, day.day, tzinfo=place.zone)
        return midnight.replace(hour=self.minutes // 60, minute=self.minutes % 60)


@dataclass(frozen=True)
class Site:
    """Place whose sunrise counts."""

    latitude: float | None = None
    longitude: float | None = None
    zone: tzinfo = timezone.utc

    def sun(self, day: date, event: str) -> datetime | None:
        """Sunrise or sunset; None where there is none."""
        assert self.latitude is not None
        assert self.longitude is not None
        return _sun(self.latitude, longitude=self.longitude, zone=self.zone, day=day, event=event)


@lru_cache(maxsize=16)
def _sun(latitude: float, longitude: float, zone: tzinfo, day: date, event: str) -> datetime | None:
    from astral import Observer, sun

    ask = sun.sunrise if event == "sunrise" else sun.sunset
    try:
        found: datetime = ask(Observer(latitude, longitude), date=day, tzinfo=zone)
    except ValueError:  # polar day or night
        return None
    return found


@dataclass(frozen=True)
class Schedule:
    """Times of rest; by default none."""

    quiet: tuple[Moment, Moment] | None = None
    """From and to, each day."""
    duty: tuple[float, float] | None = None
    """Minutes to listen of how many, by the monotonic clock: no clock battery is needed."""
    place: Site = Site()
    now: Callable[[], datetime] = clock.now
    monotonic: Callable[[], float] = time.monotonic

    def awake(self) -> bool:
        """True if it is time to listen."""
        return self._on_duty() and not self.is_quiet(self.now())

    def __str__(self) -> str:
        return "quiet hours" if self.is_quiet(self.now()) else "the rest of the duty cycle"

    def _on_duty(self) -> bool:
        if self.duty is None:
            return True
        on, cycle = self.duty
        return self.monotonic() / 60 % cycle < on

    def is_quiet(self, moment: datetime) -> bool:
        """True in quiet hours; asked of the days around, for these may pass midnight."""
        if self.quiet is None:
            return False
        moment = moment.astimezone(self.place.zone)
        days = (moment.date() + timedelta(days=n) for n in (-1, 0, 1))
        return any(self._holds(moment, day) for day in days)

    def _holds(self, moment: datetime, day: date) -> bool:
        assert self.quiet is not None
        begin, end = (moment.on(day, self.place) for moment in self.quiet)
        if begin is None or end is None:
            return False
        if end <= begin:
            end = self.quiet[1].on(day + timedelta(days=1), self.place)
        return end is not None and begin <= moment < end


ALWAYS = Schedule()


def read_schedule(
    quiet: str | None, duty: str | None, latitude: float | None, longitude: float | None
) -> Schedule:
    """A schedule as the settings write it.

    Args:
        quiet: `22:00..04:30`, or `sunset+60..sunrise-45`, in minutes.
        duty: `5/15` listens five of every fifteen minutes.
        latitude: of the station, in degrees; needed for the sun.
        longitude: likewise.

    Raises:
        ConfigError: it can't be read, or the sun's place is missing.
    """
    hours = None if quiet is None else _read_quiet(quiet)
    if hours and any(moment.sun for moment in hours) and None in (latitude, longitude):
        raise ConfigError(f"quiet_hours: {quiet!r} needs --latitude and --longitude")
    place = Site(latitude, longitude, local_zone()) if hours else Site()
    return Schedule(hours, _read_duty(duty), place)


def _read_quiet(text: str) -> tuple[Moment, Moment]:
    begin, dots, end = text.partition("..")
    if not dots:
        raise _unreadable(text)
    hours = _read_moment(begin, text), _read_moment(end, text)
    if hours[0] == hours[1]:
        raise ConfigError(f"quiet_hours: {text!r} is all day; expected two moments")
    return hours


def _read_moment(part: str, text: str) -> Moment:
    found = _MOMENT.fullmatch(part.strip().lower())
    if found is None:
        raise _unreadable(text)
    hour, minute, sun, offset = found.groups()
    if sun:
        return Moment(int(offset or 0), sun)
    if int(hour) > 23 or int(minute) > 59:
        raise _unreadable(text)
    return Moment(60 * int(hour) + int(minute))


def _unreadable(text: str) -> ConfigError:
    return ConfigError(
        f"quiet_hours: {text!r}, expected such as 22:00..04:30 or sunset+60..sunrise-45"
    )


def _read_duty(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    found = _DUTY.fullmatch(text.strip())
    on, cycle = map(float, found.groups()) if found else (0.0, 0.0)
    if not 0 < on <= cycle:
        raise ConfigError(f"duty: {text!r}, expected minutes to listen of how many, such as 5/15")
    return on, cycle
