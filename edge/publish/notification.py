"""Notifications: of records that a trigger picks, and of weeks, so many an hour at most."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from edge.publish.queue import Queued
from edge.publish.state import State
from edge.publish.triggers import Reason, Rules, reasons
from edge.publish.weekly import WeeklyReport, WeeklyTime, moment_of, weekly_report
from edge.records.detection import Detection
from edge.records.reader import RecordReader
from edge.system import clock
from edge.system.throttle import RateLimitedLog
from edge.system.zone import local_zone

_LOG = logging.getLogger(__name__)
_HOUR_MS = 3_600_000


class DetectionNews(NamedTuple):
    """A record, and what speaks for telling it."""

    record: Detection
    reasons: tuple[Reason, ...]

    @property
    def reason(self) -> str:
        """All in words."""
        return ", ".join(reason.text for reason in self.reasons)


News = DetectionNews | WeeklyReport


class Sender(Protocol):
    """A way to somebody."""

    name: str
    shown: str
    patience_s: float

    def send(self, news: News) -> None:
        """Tell it, and wait until it is there.

        Raises:
            Undelivered: it has to be told again.
            Undeliverable: it can't be told.
        """


@dataclass(frozen=True, kw_only=True)
class Occasions:
    """Times at which notifications are sent."""

    rules: Rules
    weekly: WeeklyTime
    most: int = 0
    """An hour; 0: as many as there are."""


class Notifications:
    """Receiver of records that sends notifications.

    Args:
        sender: the way to somebody.
        occasions: when they are sent.
        now_ms: the clock, UTC in milliseconds.
    """

    def __init__(
        self, sender: Sender, occasions: Occasions, now_ms: Callable[[], int] = clock.now_ms
    ) -> None:
        self.name, self.shown, self.patience_s = sender.name, sender.shown, sender.patience_s
        self._sender, self._occasions, self._now_ms = sender, occasions, now_ms
        self._tell = RateLimitedLog(_LOG, logging.INFO)

    def look(self, records: RecordReader, state: State) -> News | None:
        """The report of a week that has ended since the last one; the first week is not told."""
        if "weekly" not in self._occasions.rules.when:
            return None
        due = self._occasions.weekly.last_due(moment_of(self._now_ms(), local_zone()))
        if state.weekly_ms is not None and due.timestamp() * 1000 <= state.weekly_ms:
            return None
        report = weekly_report(records, due)
        return report if state.weekly_ms is not None else report._replace(species=[])

    def prepare(self, records: RecordReader, queued: Queued) -> News | None:
        """The news that a record is, if a trigger picks it."""
        found = reasons(records, queued, self._occasions.rules)
        return DetectionNews(queued.record, found) if found else None

    def tend(self) -> None:
        """Nothing stays open."""

    def deliver(self, content: News, state: State) -> State:
        """Send news, unless the hour has had its share; a report always is.

        Raises:
            Undelivered: it has to be sent again.
            Undeliverable: it can't be sent.
        """
        if isinstance(content, WeeklyReport):
            if content.species:
                self._sender.send(content)
            return replace(state, weekly_ms=round(content.ended.timestamp() * 1000))
        now, most = self._now_ms(), self._occasions.most
        if not most:
            self._sender.send(content)
            return state
        lately = tuple(sent for sent in state.sent_ms if now - _HOUR_MS < sent <= now)
        if len(lately) >= most:
            self._tell(f"{self.shown}: {most} notifications in an hour; the others are left out")
            return replace(state, sent_ms=lately)
        self._sender.send(content)
        return replace(state, sent_ms=(*lately, now))

    def close(self) -> None:
        """Nothing is open."""
