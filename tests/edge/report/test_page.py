"""`birdlisten report`: one page that counts as the records do, and holds its pictures."""

import re
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from edge.contract.picture_source import picture_source
from edge.records.detection import Listened, Picture
from edge.records.picture_files import fetched_place
from edge.records.store import Store
from tests.support.factories import detection


class Page(HTMLParser):
    """Tags that are open, and texts."""

    VOID = ("meta", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.links: list[str | None] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.images.append(dict(attributes))
        if tag == "a":
            self.links.append(dict(attributes)["href"])
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def at(moment: str) -> int:
    """UTC of a moment, in milliseconds."""
    return round(datetime.fromisoformat(f"{moment}+00:00").timestamp() * 1000)


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    store = Store(tmp_path / "station")
    picture = Picture("pictures/cuculus_canorus_02.jpg", None, "A. <b>Author", "CC0", 0.7)
    elsewhere = Picture(None, "https://x/1.jpg?a=1&b=2", "B", "CC-BY", 0.6)
    odd = {"species_id": "odd", "scientific_name": "Odd <i>bird", "common_name": 'The "odd" <bird>'}
    for number in range(5):
        store.write(
            detection(
                id=f"01990000-0000-7000-8000-{number:012}",
                detected_at=f"2026-05-01T0{number // 2}:30:00.000Z",
                pictures=(picture,),
                probability=0.5 + number / 10,
            )
        )
    store.write(
        detection(
            id=f"01990000-0000-7000-8000-{9:012}",
            detected_at="2026-05-01T21:59:00.000Z",
            pictures=(elsewhere,),
            **odd,
        )
    )
    store.review(f"01990000-0000-7000-8000-{0:012}", "confirmed", "cuculus_canorus")
    for begun, ended in (("04-30T22:00", "05-01T01:00"), ("05-01T02:30", "05-01T20:00")):
        store.write(Listened("device:0", at(f"2026-{begun}"), at(f"2026-{ended}")))
    store.close()
    return tmp_path / "station"


def test_a_page_counts_shows_and_escapes(birdlisten, station: Path, tmp_path: Path) -> None:
    output = tmp_path / "new" / "day.html"
    ended = birdlisten("report", "--day", "2026-05-01", "--output", output, "--station", station)
    assert (ended.code, ended.out.strip()) == (0, str(output))
    text = output.read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    told = " ".join(page.texts)
    assert "2 species, 6 records, 2 never reported here before" in told
    assert (
        "20.5 h of 24.0 h listened; 2 gaps, the longest from 01 May 22:00 to 02 May 00:00" in told
    )
    assert "Common Cuckoo, 02 to 03 h: 2" in told
    assert 'The "odd" <bird>, 23 to 24 h: 1' in told
    assert "5 records, 1 confirmed; 01 May 02:30 to 01 May 04:30; best probability 0.90" in told
    assert "A. <b>Author, CC0" in told
    (image,) = page.images
    assert str(image["src"]).startswith("data:image/jpeg;base64,/9j/")
    assert page.links == ["https://x/1.jpg?a=1&b=2"]
    assert not re.findall(r'(?:src|href)="(?!data:|https://x)', text)


def test_a_day_without_records_is_a_page_too(birdlisten, station: Path, tmp_path: Path) -> None:
    where = ("--output", tmp_path / "a.html", "--station", station)
    assert birdlisten("report", "--week", "2020-01-01", *where).code == 0
    empty = (tmp_path / "a.html").read_text()
    assert "0 species, 0 records" in empty
    assert "0 min of 168.0 h listened<" in empty
    refused = birdlisten("report", "--day", "tomorrow", *where)
    assert refused.code == 2
    assert birdlisten("report", "--station", station).code == 2


def test_a_picture_never_leads_out_of_the_bundle(birdlisten, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    (tmp_path / "secret").write_bytes(b"secret")
    store = Store(tmp_path / "station")
    away = Picture("../secret", None, "A", "CC0", 0.7)
    store.write(detection(detected_at="2026-05-01T04:30:00.000Z", pictures=(away,)))
    store.close()
    output = tmp_path / "day.html"
    where = ("--output", output, "--station", tmp_path / "station")
    assert birdlisten("report", "--day", "2026-05-01", *where).code == 0
    assert Page(output.read_text()).images == []


def test_a_picture_that_was_fetched_is_in_the_page(birdlisten, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    url = "https://commons.wikimedia.org/wiki/Special:FilePath/Owl.jpg?width=330"
    source = picture_source(url)
    assert source is not None
    output, station = tmp_path / "day.html", tmp_path / "station"
    store = Store(station)
    shown = Picture(None, url, "Ann Author", "CC0", 0.7)
    store.write(detection(detected_at="2026-05-01T04:30:00.000Z", pictures=(shown,)))
    store.close()
    where = ("--output", output, "--station", station)
    assert birdlisten("report", "--day", "2026-05-01", *where).code == 0
    assert Page(output.read_text()).links == ["https://commons.wikimedia.org/wiki/File:Owl.jpg"]
    (station / "fetched").mkdir()
    (station / fetched_place(source)).write_bytes(b"jpeg")
    assert birdlisten("report", "--day", "2026-05-01", *where).code == 0
    page = Page(output.read_text())
    assert [image["src"] for image in page.images] == ["data:image/jpeg;base64,anBlZw=="]
    assert "Ann Author, CC0" in page.texts


def test_records_of_a_clock_that_was_not_set_are_told(birdlisten, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    store = Store(tmp_path / "station")
    heard = detection(detected_at="2026-05-01T04:30:00.000Z", clock_synchronised=False)
    card = {"root": "/card", "volume": "card", "source": "a.wav"}  # no satellite has set its clock
    store.write_all([heard, replace(heard, id=heard.id[:-1] + "f", **card)])
    store.close()
    output = tmp_path / "day.html"
    where = ("--output", output, "--station", tmp_path / "station")
    assert birdlisten("report", "--day", "2026-05-01", *where).code == 0
    assert "1 record by a clock that was not set" in " ".join(Page(output.read_text()).texts)
