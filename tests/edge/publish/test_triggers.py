"""Triggers: pure functions of a record and of what was written before it."""

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from edge.contract.errors import ConfigError
from edge.publish import queue
from edge.publish.delivery import FOR_EVER
from edge.publish.notification import Notifications, Occasions
from edge.publish.queue import Place
from edge.publish.state import State
from edge.publish.triggers import Rules, read_triggers, reasons
from edge.publish.weekly import WeeklyReport, read_weekly, weekly_report
from edge.records.reader import open_records
from tests.support.published import MORNING, Recorder

DAY = timedelta(days=1)
ALL = Rules(when=frozenset({"first", "rare", "back"}))


class Mailbox:
    name, shown, patience_s = "mailbox", "mailbox", FOR_EVER

    def __init__(self):
        self.news = []

    def send(self, news):
        self.news.append(news)


@pytest.fixture
def recorder(tmp_path):
    writer = Recorder(tmp_path / "station")
    yield writer
    writer.close()


def pulled(recorder: Recorder, rules: Rules = ALL) -> list[list[str]]:
    """Triggers of each record, in the order in which they were written."""
    with open_records(recorder.station) as records:
        waiting = queue.behind(records, Place(), 500).records
        return [[why.trigger for why in reasons(records, at, rules)] for at in waiting]


def test_the_first_of_a_day_is_told_of_each_species(recorder):
    recorder.hear(3, species=0)
    recorder.hear(1, species=1)
    recorder.hear(1, species=0, at=MORNING + DAY)
    first = Rules(when=frozenset({"first"}))
    assert pulled(recorder, first) == [["first"], [], [], ["first"], ["first"]]


def test_a_day_is_that_of_the_station(recorder):
    """22:30 in UTC is the next day in Berlin in May."""
    recorder.hear(1, species=0, at=datetime(2026, 5, 1, 20, 0, tzinfo=timezone.utc))
    late = datetime(2026, 5, 1, 22, 30, tzinfo=timezone.utc)
    recorder.hear(1, species=0, at=late, time_zone="Europe/Berlin")
    first = Rules(when=frozenset({"first"}))
    assert pulled(recorder, first) == [["first"], ["first"]]


def test_rare_is_what_came_seldom_in_some_days(recorder):
    recorder.hear(4, species=0)
    recorder.hear(1, species=0, at=MORNING + 8 * DAY)
    rare = Rules(when=frozenset({"rare"}), rare_most=2, rare_days=7)
    assert pulled(recorder, rare) == [["rare"], ["rare"], [], [], ["rare"]]


def test_back_is_what_was_away(recorder):
    recorder.hear(2, species=0)
    recorder.hear(1, species=0, at=MORNING + 29 * DAY)
    recorder.hear(1, species=0, at=MORNING + 60 * DAY)
    back = Rules(when=frozenset({"back"}), back_days=30)
    assert pulled(recorder, back) == [["back"], [], [], ["back"]]


def test_later_records_change_no_answer(recorder):
    recorder.hear(3, species=0)
    before = pulled(recorder)
    recorder.hear(30, species=0, at=MORNING - timedelta(hours=1))
    assert pulled(recorder)[:3] == before


def test_a_record_without_a_time_is_none_of_a_day(recorder):
    recorder.hear(1, detected_at=None)
    assert pulled(recorder) == [[]]
    assert pulled(recorder, Rules(when=frozenset({"each"}))) == [["each"]]


def test_an_unknown_trigger_names_the_nearest():
    assert read_triggers("first, weekly", "apprise_when") == {"first", "weekly"}
    with pytest.raises(ConfigError, match=r"apprise_when: 'frist'.*did you mean 'first'"):
        read_triggers("frist", "apprise_when")


def test_so_many_an_hour_at_most_even_after_a_restart(recorder, caplog):
    caplog.set_level("INFO")
    recorder.hear(5, species=0)
    occasions = Occasions(
        rules=Rules(when=frozenset({"each"})), weekly=read_weekly("mon 08:00"), most=2
    )
    box, state, now = Mailbox(), State(), 1_000_000_000
    with open_records(recorder.station) as records:
        waiting = queue.behind(records, Place(), 500).records
        for n, queued in enumerate(waiting):
            at = now + n * 1000 + (3_600_000 if n == 4 else 0)
            receiver = Notifications(box, occasions, lambda at=at: at)  # as after a restart
            state = receiver.deliver(receiver.prepare(records, queued), state)
    assert [news.record.id for news in box.news] == [recorder.ids[n] for n in (0, 1, 4)]
    assert "the others are left out" in caplog.text


def test_a_week_is_told_once_and_the_first_one_not(recorder, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    recorder.hear(3, species=0)
    recorder.hear(1, species=1)
    occasions = Occasions(rules=Rules(when=frozenset({"weekly"})), weekly=read_weekly("mon 08:00"))
    box, state = Mailbox(), State()
    days = (0, 1, 2, 3, 4, 5, 11)  # Monday is the 4th
    with open_records(recorder.station) as records:
        for day in days:
            moment = MORNING + day * DAY + timedelta(hours=4)
            receiver = Notifications(box, occasions, lambda m=moment: int(m.timestamp() * 1000))
            due = receiver.look(records, state)
            state = state if due is None else receiver.deliver(due, state)
    assert [news.title for news in box.news] == ["Birds of the week to 2026-05-04"]
    assert box.news[0].text.splitlines()[0] == "2 species, 4 records"


@pytest.mark.parametrize("text", ["", "mon", "8:00", "mon 24:00", "day 08:00", "mon 08:60"])
def test_what_is_no_time_of_a_week_is_refused(text):
    with pytest.raises(ConfigError, match="mon 08:00"):
        read_weekly(text)


def test_a_week_has_its_time_of_day_when_the_clocks_change():
    zone = ZoneInfo("Europe/Berlin")
    due = read_weekly("mon 08:00").last_due(datetime(2026, 3, 30, 9, 0, tzinfo=zone))
    assert due == datetime(2026, 3, 30, 8, 0, tzinfo=zone)
    before = read_weekly("mon 08:00").last_due(datetime(2026, 3, 30, 7, 0, tzinfo=zone))
    assert before == datetime(2026, 3, 23, 8, 0, tzinfo=zone)


def test_a_report_counts_the_seven_days_before(recorder):
    recorder.hear(2, species=0, at=MORNING)
    recorder.hear(1, species=1, at=MORNING - 8 * DAY)
    with open_records(recorder.station) as records:
        report = weekly_report(records, MORNING + DAY)
    assert isinstance(report, WeeklyReport)
    assert [(found.common_name, found.records) for found in report.species] == [
        ("Common Cuckoo", 2)
    ]
