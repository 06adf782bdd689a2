"""Statistics: every figure is that of a count by hand, and none reads what it need not."""

import sqlite3
from collections import Counter
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

pytest.importorskip("hypothesis")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.records import moments, statistics
from edge.records.detection import Detection, Rejection
from edge.records.reader import open_records
from edge.records.statistics import key_figures
from edge.records.store import Store
from edge.system import clock
from tests.support.factories import detection

ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns")
NAMES = ("cuculus_canorus", "parus_major", "strix_aluco")
BEGUN = datetime(2026, 3, 27, tzinfo=timezone.utc)
MOMENTS = st.lists(
    st.tuples(
        st.integers(0, 9 * 86_400_000) | st.none(),
        st.sampled_from(NAMES),
        st.floats(0, 1).map(lambda share: round(share, 3)) | st.none(),
        st.booleans(),
    ),
    max_size=40,
)


def records_of(found) -> list[Detection | Rejection]:
    made: list[Detection | Rejection] = []
    for number, (after_ms, name, probability, is_rejected) in enumerate(found):
        moment = None
        if after_ms is not None:
            moment = clock.iso_utc(round(BEGUN.timestamp() * 1000) + after_ms)
        record = detection(
            id=f"01990000-{number:04x}-7000-8000-{number:012}",
            detected_at=moment,
            species_id=name,
            scientific_name=name,
            common_name=f"{name} {number % 2}",
            probability=probability,
        )
        made.append(Rejection(record, "few windows") if is_rejected else record)
    return made


def kept(station: Path, records: list[Detection | Rejection]) -> Path:
    station.joinpath("birdlisten.db").unlink(missing_ok=True)
    store = Store(station)
    store.write_all(records)
    store.close()
    return station


def local(record: Detection, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(record.detected_at.replace("Z", "+00:00")).astimezone(zone)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(found=MOMENTS, name=st.sampled_from(ZONES), least=st.sampled_from([0.0, 0.5]))
def test_every_figure_is_that_of_a_count_by_hand(tmp_path, found, name, least):
    zone, made = ZoneInfo(name), records_of(found)
    reported = [record for record in made if isinstance(record, Detection)]
    dated = [record for record in reported if record.detected_at]
    today = date(2026, 3, 30)
    by_day = Counter(local(record, zone).date() for record in dated)
    with open_records(kept(tmp_path, made)) as records:
        day = statistics.species_of_day(records, today, zone, least)
        every = statistics.species_of_all_time(records)
        days = statistics.days_with_records(records, zone)
        hours = statistics.hours_with_records(records, zone, "parus_major")
        figures = key_figures(records, today, zone)
    assert days == by_day
    for tally in day:
        same = [
            record
            for record in dated
            if record.species_id == tally.species_id
            and local(record, zone).date() == today
            and record.confidence >= least
        ]
        moments = [clock.milliseconds(str(record.detected_at)) for record in same]
        by_hour = Counter(local(record, zone).hour for record in same)
        assert tally.records == len(same)
        assert (tally.first_ms, tally.last_ms) == (min(moments), max(moments))
        assert tally.hours == tuple(by_hour[hour] for hour in range(24))
        assert tally.best == max(record.confidence for record in same)
        assert tally.mean == pytest.approx(sum(r.confidence for r in same) / len(same))
    on_day = {r.species_id for r in dated if local(r, zone).date() == today}
    assert {tally.species_id for tally in day} == {
        species
        for species in on_day
        if any(
            r.confidence >= least and local(r, zone).date() == today
            for r in dated
            if r.species_id == species
        )
    }
    assert {t.species_id: t.records for t in every} == Counter(r.species_id for r in reported)
    great_tits = Counter(local(r, zone).hour for r in dated if r.species_id == "parus_major")
    assert hours == tuple(great_tits[hour] for hour in range(24))
    assert figures.species == len({record.species_id for record in reported})
    assert figures.today == by_day[today]
    assert (figures.best_day or (None, 0))[1] == max(by_day.values(), default=0)
    streak, end = 0, today if by_day[today] else today - timedelta(days=1)
    while by_day[end - timedelta(days=streak)]:
        streak += 1
    assert figures.streak_days == streak
    assert figures.streak_begun == (end - timedelta(days=streak - 1) if streak else None)


def test_a_species_is_new_on_its_first_day_only(tmp_path):
    day_ms = 86_400_000
    found = [(day * day_ms, "parus_major", 0.9, False) for day in (2, 2, 3)]
    with open_records(kept(tmp_path, records_of(found))) as records:
        first, second = (
            statistics.species_of_day(records, date(2026, 3, day), ZoneInfo("UTC"))
            for day in (29, 30)
        )
    assert [tally.is_new for tally in first] == [True]
    assert [tally.is_new for tally in second] == [False]


def plans(station: Path, run) -> list[str]:
    """What SQLite does for a question, step by step."""
    asked: list[str] = []
    with open_records(station) as records:
        records.database.set_trace_callback(asked.append)
        run(records)
        records.database.set_trace_callback(None)
        return [
            step["detail"]
            for query in asked
            if query.startswith("SELECT")
            for step in records.database.execute(f"EXPLAIN QUERY PLAN {query}")
        ]


@pytest.mark.parametrize(
    "run",
    [
        lambda records: statistics.species_of_day(records, date(2026, 3, 30), ZoneInfo("UTC")),
        lambda records: moments.first_of(records, "parus_major"),
        lambda records: statistics.days_with_records(records, ZoneInfo("UTC"), "parus_major"),
    ],
    ids=["day", "first", "days of a species"],
)
def test_no_table_of_records_is_read_where_a_date_or_a_species_is_given(tmp_path, run):
    day_ms = 86_400_000
    found = [(day * day_ms, name, 0.9, False) for day in range(9) for name in NAMES * 3]
    station = kept(tmp_path, records_of(found))
    with sqlite3.connect(station / "birdlisten.db") as database:
        database.execute("ANALYZE")
    database.close()
    steps = plans(station, run)
    assert steps
    assert [step for step in steps if step.startswith("SCAN kept_records")] == []


def test_all_of_a_station_is_counted_by_an_index_that_holds_reports_only(tmp_path):
    steps = plans(kept(tmp_path, []), statistics.species_of_all_time)
    assert any("kept_reports" in step and "COVERING" in step for step in steps)
