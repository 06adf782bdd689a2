"""Triggers of notifications: what makes a record worth one, by what the station knew before it."""

from dataclasses import dataclass
from typing import NamedTuple

from edge.contract.errors import ConfigError
from edge.contract.names import nearest
from edge.contract.text import counted
from edge.publish import history
from edge.publish.queue import Queued
from edge.records.reader import RecordReader

TRIGGERS = ("each", "first", "rare", "back", "weekly")


class Reason(NamedTuple):
    """A trigger that a record has pulled."""

    trigger: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Choice of triggers, and their numbers."""

    when: frozenset[str]
    rare_most: int = 5
    rare_days: float = 7.0
    back_days: float = 30.0


def read_triggers(text: str, setting: str) -> frozenset[str]:
    """Triggers by their names, with commas between them.

    Raises:
        ConfigError: there is none of a name.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in TRIGGERS:
            raise ConfigError(
                f"{setting}: {name!r}, expected any of {', '.join(TRIGGERS)}"
                f"{nearest(name, TRIGGERS)}"
            )
    return frozenset(names)


def reasons(records: RecordReader, queued: Queued, rules: Rules) -> tuple[Reason, ...]:
    """Reasons to notify of a record; they are the same whenever it is asked."""
    pulled = [ask(records, queued, rules) for name, ask in _ASKED.items() if name in rules.when]
    each = [Reason("each", "detected")] if "each" in rules.when else []
    return tuple(reason for reason in [*pulled, *each] if reason is not None)


def _first(records: RecordReader, queued: Queued, rules: Rules) -> Reason | None:
    first = history.is_first_of_day(records, queued)
    return Reason("first", "first time today") if first else None


def _rare(records: RecordReader, queued: Queued, rules: Rules) -> Reason | None:
    moment = history.moment_ms(queued)
    if moment is None:
        return None
    since = moment - round(rules.rare_days * history.DAY_MS)
    times = history.count_between(records, queued, since, moment + 1) + 1
    if times > rules.rare_most:
        return None
    return Reason("rare", f"only {counted(times, 'time')} in {rules.rare_days:g} days")


def _back(records: RecordReader, queued: Queued, rules: Rules) -> Reason | None:
    moment, last = history.moment_ms(queued), history.last_before(records, queued)
    if moment is None:
        return None
    if last is None:
        return Reason("back", "first time here")
    away = (moment - last) / history.DAY_MS
    return Reason("back", f"back after {int(away)} days") if away >= rules.back_days else None


_ASKED = {"first": _first, "rare": _rare, "back": _back}
