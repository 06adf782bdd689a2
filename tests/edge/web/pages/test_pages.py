"""Pages over a station: every number is that of a count by hand, and hostile names stay text."""

import re
from collections import Counter
from dataclasses import replace
from datetime import datetime
from html import unescape
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

pytest.importorskip("starlette")
pytest.importorskip("jinja2")
pytest.importorskip("httpx")

from starlette.testclient import TestClient

from edge.config import DEMO_BUNDLE, PACKAGED_BUNDLE
from edge.contract.picture_source import picture_source
from edge.records.browsing import PAGE, browse
from edge.records.detection import Detection, Picture
from edge.records.migrations import MIGRATIONS
from edge.records.picture_files import fetched_place
from edge.records.reader import open_records
from edge.records.search import RecordSearch
from edge.records.search import found as find
from edge.records.store import Store
from edge.records.tally import totals
from edge.web.app import create_app
from edge.web.config import WebConfig
from tests.edge.web.pages.stations import make_station, random_records
from tests.support.factories import detection
from tests.support.lessons import leave

URL = "http://127.0.0.1:8080"
BERLIN = ZoneInfo("Europe/Berlin")
PAGES = ("", "species", "records", "activity", "review", "about", "now", "health")


@pytest.fixture(autouse=True)
def _zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")


def client(station: Path) -> TestClient:
    return TestClient(create_app(station, DEMO_BUNDLE), base_url=URL)


def text_of(answer: object) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())  # type: ignore[attr-defined]


def local(record: Detection) -> datetime | None:
    at = record.detected_at
    return at and datetime.fromisoformat(at.replace("Z", "+00:00")).astimezone(BERLIN)


def told(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_numbers_are_those_of_a_count_by_hand(tmp_path: Path, seed: int) -> None:
    records = random_records(seed)
    page = client(make_station(tmp_path / "station", records))
    by_species = Counter(record.common_name for record in records)
    listed = text_of(page.get("/species"))
    for name, number in by_species.items():
        assert re.search(f"{name} .{{0,40}}?{told(number)} records?, last", listed)
    assert f"{told(len(records))} records" in listed
    days = Counter(moment.date() for record in records if (moment := local(record)))
    day = max(days, key=lambda found: days[found])
    of_day = [record for record in records if (at := local(record)) and at.date() == day]
    home = text_of(page.get(f"/?day={day}"))
    assert f"{len({r.species_id for r in of_day})} species {len(of_day)} records" in home
    found = text_of(page.get(f"/records?from={day}&to={day}"))
    assert f"{len(of_day)} record" in found
    for record in of_day:
        assert f"{local(record):%H:%M:%S}" in found


@pytest.mark.parametrize("seed", [4, 5])
def test_activity_is_that_of_a_count_by_hand(tmp_path: Path, seed: int) -> None:
    records = random_records(seed)
    page = client(make_station(tmp_path / "station", records))
    text = page.get("/activity?to=2026-04-10&days=56&year=2026").text
    hours = Counter((at.date(), at.hour) for record in records if (at := local(record)))
    rows = re.findall(r"\?day=([\d-]+)\">[^|]*?</th>(.*?)</tr>", text)
    assert len(rows) == 56
    for day, cells in rows:
        for hour, number in enumerate(re.findall(r"<span>(\d+)</span>", cells)):
            assert int(number) == hours[datetime.fromisoformat(day).date(), hour]
    calendar = dict(re.findall(r"\?day=([\d-]+)\" title=\"(\d+) record", text))
    days = Counter(f"{at:%Y-%m-%d}" for record in records if (at := local(record)))
    assert {day: int(number) for day, number in calendar.items()} == days


def test_all_records_are_paged_through_once_and_in_order(tmp_path: Path) -> None:
    records = random_records(6)
    station = make_station(tmp_path / "station", records)
    page, address, seen = client(station), "/records", list[str]()
    while address:
        text = page.get(address).text
        seen += re.findall(r'class="thumb" href="\./records/([\w-]+)"', text)
        older = re.search(r'href="(records\?[^"]+)" rel="next"', text)
        address = f"/{unescape(older.group(1))}" if older else ""
    order = {record.id: record.detected_at or "" for record in records}
    assert sorted(seen) == sorted(order)
    assert [order[record] for record in seen] == sorted(order.values(), reverse=True)


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (RecordSearch(species=["strix_aluco"]), lambda r: r.species_id == "strix_aluco"),
        (RecordSearch(least=0.8), lambda r: r.probability >= 0.8),
        (RecordSearch(has_clip=True), lambda r: r.clip is not None),
        (RecordSearch(verdict="confirmed"), lambda r: int(r.id[-12:]) % 7 == 0),
        (RecordSearch(verdict="unreviewed"), lambda r: int(r.id[-12:]) % 7),
        (RecordSearch(verdict="rejected", species=["strix_aluco"]), lambda r: False),
    ],
)
def test_a_filter_finds_what_fits(tmp_path: Path, wanted: RecordSearch, fits) -> None:
    records = random_records(7)
    station = make_station(tmp_path / "station", records)
    store = Store(station)
    for record in records[::7]:
        store.review(record.id, "confirmed", record.species_id)
    store.close()
    leave(station, records[0].id, None)  # which wait to be taken up
    leave(station, records[1].id, "confirmed")
    moved = {records[0].id: wanted.verdict == "unreviewed"} if wanted.verdict else {}
    moved |= {records[1].id: wanted.verdict == "confirmed"} if wanted.verdict else {}
    found, after = list[str](), None
    with open_records(station) as reader:
        by_number = find(reader, wanted, limit=1000)
        while True:
            page = browse(reader, wanted, after)
            assert len(page.records) <= PAGE
            found += [record.id for record in page.records]
            after = page.following
            if after is None:
                break
    expected = [record.id for record in records if moved.get(record.id, fits(record))]
    assert sorted(found) == sorted(expected)
    assert sorted(record.id for record in by_number.records) == sorted(expected)
    assert by_number.total == len(expected)


def test_tallies_follow_what_is_heard_anew_and_are_counted_where_they_lack(tmp_path: Path) -> None:
    station = make_station(tmp_path / "station", random_records(8))
    store = Store(station)
    store.database.execute("DELETE FROM kept_records WHERE number % 3 = 0")
    kept = totals(store)
    for version in (8, 6):
        store.database.execute(f"PRAGMA user_version = {version}")
        assert totals(store) == kept
    store.database.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    store.close()


def test_no_question_reads_all_records(tmp_path: Path) -> None:
    station = make_station(tmp_path / "station", random_records(9))
    plans = list[str]()
    with open_records(station) as reader:
        asked = list[str]()
        reader.database.set_trace_callback(asked.append)
        for wanted in (RecordSearch(), RecordSearch(species=["strix_aluco"], verdict="confirmed")):
            browse(reader, wanted)
        totals(reader)
        reader.database.set_trace_callback(None)
        for query in filter(lambda text: text.startswith("SELECT"), asked):
            plans += [row[3] for row in reader.database.execute(f"EXPLAIN QUERY PLAN {query}")]
    assert plans
    assert [plan for plan in plans if re.fullmatch(r"SCAN kept(_records)?", plan)] == []


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    evil = '"><script>alert(1)</script>'
    record = detection(
        id="01990000-0000-7000-8000-000000000001",
        detected_at="2026-03-01T10:00:00.000Z",
        species_id=evil,
        scientific_name=f"Odd {evil}",
        common_name=f"Bird\u202e {evil}",
        source=f"{evil}.wav",
        pictures=(Picture("../../secret", "javascript:alert(1)", evil, evil, 0.5),),
    )
    page = client(make_station(tmp_path / "station", [record]))
    for path in (*PAGES, f"records/{record.id}", "?day=2026-03-01", "records?species=%22%3E%3Cb"):
        text = page.get(f"/{path}").text
        assert "<script>alert" not in text
        assert "javascript:" not in text
        assert "\u202e" not in text
        assert "style=" not in text


def test_an_empty_station_has_every_page(tmp_path: Path) -> None:
    page = client(make_station(tmp_path / "station", []))
    for path in PAGES:
        assert page.get(f"/{path}").status_code == 200
    assert "Nothing was reported here yet" in page.get("/").text
    for path in ("records/none", "species/none", "clip/none", "picture/pictures/none.jpg"):
        assert page.get(f"/{path}").status_code == 404


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/", 503, "Nothing here yet"),
        ("/?day=x", 400, "expected a day"),
        ("/nowhere", 404, "Not Found"),
    ],
)
def test_a_browser_is_told_what_is_wrong_on_a_page(
    tmp_path: Path, address: str, status: int, words: str
) -> None:
    """Others get it as JSON; a station may not have heard anything yet."""
    told = client(tmp_path).get(address, headers={"Accept": "text/html,*/*"})
    assert told.status_code == status
    assert words in told.text
    assert "</html>" in told.text
    assert "error" in client(tmp_path).get(address).json()


def test_an_undated_record_and_a_clip_that_is_gone_are_told(tmp_path: Path) -> None:
    record = detection(clip="clips/cuculus_canorus/20260301T100000Z-x.flac")
    page = client(make_station(tmp_path / "station", [record]))
    text = text_of(page.get(f"/records/{record.id}"))
    assert "04:31:07 in the recording" in text
    assert "not kept any more" in text
    assert page.get(f"/clip/{record.id}").status_code == 404
    assert "Undated" in text_of(page.get("/records"))


def test_only_pictures_are_handed_out(tmp_path: Path) -> None:
    page = client(make_station(tmp_path / "station", random_records(1, 3)))
    assert page.get("/picture/pictures/cuculus_canorus_02.jpg").status_code == 200
    for path in ("birdlisten.db", "pictures/../manifest.json", "clips/x.png", "overlay/a.jpg"):
        assert page.get(f"/picture/{path}").status_code == 404


def test_a_picture_that_was_fetched_is_shown_everywhere(tmp_path: Path) -> None:
    url = "https://commons.wikimedia.org/wiki/File:Owl.jpg"
    source = picture_source(url)
    assert source is not None
    (record,) = random_records(1, 1)
    shown = (Picture(None, url, "Ann Author", "CC0", 0.7),)
    station = make_station(tmp_path / "station", [replace(record, pictures=shown)])
    page, place = client(station), fetched_place(source)
    api = f"/api/birdlisten/1/species/{record.species_id}/picture"
    assert page.get(f"/picture/{place}").status_code == page.get(api).status_code == 404
    (station / "fetched").mkdir()
    (station / place).write_bytes(b"jpeg")
    for address in (f"records/{record.id}", "records"):
        assert f'picture/{place}"' in page.get(f"/{address}").text
    assert page.get(f"/picture/{place}").content == page.get(api).content == b"jpeg"


def test_every_picture_has_a_credit(tmp_path: Path) -> None:
    page = client(make_station(tmp_path / "station", random_records(10)))
    for path in ("", "species", "records", "records/01990000-0000-7000-8000-000000000003"):
        text = page.get(f"/{path}").text
        assert text.count("<img") <= text.count('class="credit"')


def test_a_review_is_told_counted_and_taken_back(tmp_path: Path) -> None:
    records = random_records(11, 20)
    station = make_station(tmp_path / "station", records)
    page = client(station)
    assert "20 not reviewed" in text_of(page.get("/review"))
    address = f"/records/{records[0].id}/review"
    answer = page.post(address, data={"verdict": "confirm", "back": "review"})
    assert "confirmed" in text_of(answer)
    assert "19 not reviewed" in text_of(answer)
    answer = page.post(address, data={"verdict": "undo", "back": "record"})
    assert "open again" in text_of(answer)
    assert page.post(address, data={"verdict": "bad"}).status_code == 400
    foreign = {"origin": "https://elsewhere.example"}
    assert page.post(address, data={"verdict": "reject"}, headers=foreign).status_code == 403


def test_pages_name_species_in_a_language(tmp_path: Path) -> None:
    station = make_station(tmp_path / "station", random_records(9))
    config = WebConfig(language="de")
    page = TestClient(create_app(station, PACKAGED_BUNDLE, config), base_url=URL)
    day = f"{next(moment for r in random_records(9) if (moment := local(r))):%Y-%m-%d}"
    for address in ("/species", "/records", f"/?day={day}", "/species/strix_aluco"):
        told_names = text_of(page.get(address))
        assert re.search("Kuckuck|Waldkauz|Amsel", told_names), address
        assert not re.search("Common Cuckoo|Tawny Owl|Common Blackbird", told_names), address
    record = random_records(9)[0].id
    assert re.search("Kuckuck|Waldkauz|Amsel", text_of(page.get(f"/records/{record}")))
    summary = page.get("/api/v2/analytics/species/summary").json()
    assert {found["common_name"] for found in summary} == {"Kuckuck", "Waldkauz", "Amsel"}
