"""Numbers and the feed: each record leads back to itself, and is read once."""

import pytest

pytest.importorskip("hypothesis")

from hypothesis import given
from hypothesis import strategies as st

from edge.records import feed
from edge.records.detection import Rejection
from edge.records.numbers import number_of, record_numbered
from edge.records.reader import open_records
from edge.records.search import UNREVIEWED, RecordSearch, found
from edge.records.store import Store
from edge.system import clock
from tests.support.factories import detection


def record(number: int, **change):
    return detection(id=f"01990000-{number:04x}-7abc-8000-{number:012}", **change)


@pytest.fixture
def station(tmp_path):
    """Twenty records, every third of which was not reported."""
    store = Store(tmp_path)
    records = [record(number) for number in range(1, 21)]
    for number, made in enumerate(records):
        store.write(Rejection(made, "few windows") if number % 3 == 2 else made)
    store.close()
    return tmp_path


def test_the_example_of_a_number_is_right():
    assert number_of("01a22323-09ce-7abc-8000-000000000000") == 7355948353776316


@given(st.integers(0, (1 << 41) - 2))
def test_numbers_are_in_the_order_of_ids_and_safe_in_javascript(milliseconds):
    earlier, later = clock.uuid7(milliseconds), clock.uuid7(milliseconds + 1)
    assert 0 <= number_of(earlier) < number_of(later) < 1 << 53


def test_a_number_leads_back_to_its_record(station):
    with open_records(station) as records:
        for number in range(1, 21):
            one = record(number).id
            assert record_numbered(records, number_of(one)) == one
        for odd in (0, -1, 1, number_of(record(21).id), 1 << 60, 1 << 80):
            assert record_numbered(records, odd) is None
        (plan,) = records.database.execute(
            "EXPLAIN QUERY PLAN SELECT id FROM kept_records WHERE id >= 'a' AND id < 'b'"
        )
        assert plan["detail"].startswith("SEARCH")


@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_the_feed_gives_each_reported_record_once(station, monkeypatch, at_once):
    monkeypatch.setattr(feed, "AT_ONCE", at_once)
    with open_records(station) as records:
        begun, place, read = -1, 0, []
        while place != begun:
            begun = place
            new, place = feed.after(records, begun)
            read += [made.id for made in new]
        expected = [record(number + 1).id for number in range(20) if number % 3 != 2]
        assert read == expected
        assert place == feed.newest(records)


def test_a_client_goes_on_behind_the_record_that_it_has_seen(station):
    with open_records(station) as records:
        for number in range(1, 20):
            place = feed.place_after(records, number_of(record(number).id))
            new, _ = feed.after(records, place)
            assert new[0].id > record(number).id
            assert feed.last_reported(records, place) == number_of(record(number).id)
        gone = number_of(record(30).id)
        assert feed.place_after(records, gone) == feed.newest(records)
        assert feed.place_after(records, 0) == 0


def test_a_search_tells_how_many_there_are_and_gives_a_page(tmp_path):
    store = Store(tmp_path)
    moments = [f"2026-05-01T0{hour}:00:00.000Z" for hour in range(6)]
    made = [record(n, detected_at=m, probability=n / 10) for n, m in enumerate(moments)]
    store.write_all([*made, record(9, detected_at=None, source="other.wav")])
    store.review(made[1].id, "confirmed")
    store.close()

    def ids(search: RecordSearch, limit: int = 100, offset: int = 0) -> list[int]:
        with open_records(tmp_path) as records:
            return [int(r.id[-12:]) for r in found(records, search, limit, offset).records]

    assert ids(RecordSearch()) == [5, 4, 3, 2, 1, 0, 9]
    assert ids(RecordSearch(), 2, 1) == [4, 3]
    assert ids(RecordSearch(least=0.4)) == [5, 4, 9]
    assert ids(RecordSearch(sources=["other.wav"])) == [9]
    assert ids(RecordSearch(verdict="confirmed")) == [1]
    assert ids(RecordSearch(verdict=UNREVIEWED, least=0.1)) == [5, 4, 3, 2, 9]
    with open_records(tmp_path) as records:
        assert found(records, RecordSearch(), 2).total == 7


def test_a_search_counts_reviews_that_wait_in_the_inbox(tmp_path):
    from tests.support.lessons import leave

    store = Store(tmp_path)
    store.write_all([record(1), record(2)])
    store.review(record(1).id, "confirmed")
    store.close()
    leave(tmp_path, record(1).id, None)
    leave(tmp_path, record(2).id, "rejected")
    with open_records(tmp_path) as records:
        totals = {
            verdict: found(records, RecordSearch(verdict=verdict), 9).total
            for verdict in ("confirmed", "rejected", UNREVIEWED)
        }
    assert totals == {"confirmed": 0, "rejected": 1, UNREVIEWED: 1}
