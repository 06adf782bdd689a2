"""Fetching of pictures: small, credited, asked for politely, and whatever a site answers."""

import csv
import io
import unicodedata
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("PIL")

from edge.cli import main
from edge.command.gallery_pictures import Fetching
from edge.config import Settings
from edge.contract.bundle import load_bundle
from edge.contract.gallery import Gallery, GalleryRow
from edge.recognition.pictures import open_picture
from edge.recognition.published_pictures import PublishedPictures
from edge.records.picture_files import FETCHED, PictureFiles
from edge.system.polite import PoliteClient, PoliteManner
from tests.support.factories import BundleFolder
from tests.support.picture_sites import Sites, as_json, jpeg, picture_sites

FILE = "https://commons.wikimedia.org/wiki/File:"
CREDIT = {"Artist": '<a href="//x">Ann Author</a>', "LicenseShortName": "CC BY-SA 4.0"}
PHOTO = {
    "license_code": "cc-by-nc",
    "attribution": "(c) Ann Author, some rights reserved (CC BY-NC)",
}
URLS = (f"{FILE}Owl_1.jpg", f"{FILE}Owl_2.jpg", "https://www.inaturalist.org/observations/7")


@pytest.fixture
def sites() -> Iterator[Sites]:
    with picture_sites() as held:
        held.files = {f"File:Owl {n}.jpg": dict(CREDIT) for n in range(1, 7)}
        held.photos = {"7": {"id": 7, "url": f"{held.base}/img/7/square.jpeg", **PHOTO}}
        yield held


class Fetch:
    """The command against the sites; it sleeps in no time."""

    def __init__(self, bundle: BundleFolder, station: Path, sites: Sites) -> None:
        self.bundle, self.station, self.sites = bundle, station, sites
        self.settings = Settings(bundle=str(bundle.path), station=str(station), quiet=True)
        self.slept: list[float] = []

    def table(self, *urls: str, author: str = "Ann Author", licence: str = "CC BY-SA 4.0") -> None:
        old = load_bundle(self.bundle.path).gallery
        rows = [
            GalleryRow(row.species_id, "", url, author, "CC BY-NC" if "inat" in url else licence)
            for row, url in zip(old.table, (*urls, *[""] * len(old.table)), strict=False)
        ]
        self.bundle.put("gallery.table", Gallery(old.rows, tuple(rows)).table_csv())

    def run(self, again: bool = False) -> Fetching:
        client = PoliteClient(PoliteManner("birdlisten/test (a@b)", sleep=self.slept.append))
        fetching = Fetching(self.settings, PublishedPictures(client, self.sites.addresses), client)
        self.code = fetching.run(again)
        return fetching

    @property
    def here(self) -> list[str]:
        """Addresses of the pictures that are here now."""
        files = PictureFiles(self.bundle.path, self.station)
        return [row.url for row in load_bundle(self.bundle.path).gallery.table if files.path(row)]


@pytest.fixture
def fetch(small_bundle: BundleFolder, tmp_path: Path, sites: Sites) -> Fetch:
    found = Fetch(small_bundle, tmp_path / "station", sites)
    found.table(*URLS)
    return found


def test_pictures_of_both_sites_are_fetched_small_with_their_credit(fetch: Fetch) -> None:
    fetch.run()
    assert fetch.here == list(URLS)
    assert fetch.code == 0
    files = sorted((fetch.station / FETCHED).glob("*.jpg"))
    assert [max(open_picture(path).size) for path in files] == [320] * 3
    with (fetch.station / FETCHED / "pictures.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert {(line["picture"], line["author"]) for line in lines} == {
        (path.name, "Ann Author") for path in files
    }
    assert fetch.sites.asked["/w/api.php"] == fetch.sites.asked["/v1/observations"] == 1
    assert fetch.sites.asked["/img/7/medium.jpeg"] == 1
    assert fetch.sites.agents == {"birdlisten/test (a@b)"}


def test_what_is_here_is_not_asked_for_again(fetch: Fetch) -> None:
    fetch.run()
    asked = fetch.sites.asked.total()
    assert fetch.run().fetched == 0
    assert fetch.sites.asked.total() == asked


def test_a_host_is_asked_once_a_second(fetch: Fetch) -> None:
    fetch.run()
    assert len(fetch.slept) == fetch.sites.asked.total() - 1
    assert all(0.5 < pause <= 1 for pause in fetch.slept)


def test_a_file_that_was_renamed_is_found(fetch: Fetch) -> None:
    fetch.table(f"{FILE}Old_name.jpg")
    fetch.sites.renamed = {"File:Old name.jpg": "File:Owl 1.jpg"}
    fetch.run()
    assert len(fetch.here) == 1


def test_an_answer_that_comes_in_parts_is_read_to_its_end(fetch: Fetch) -> None:
    fetch.sites.in_parts = True
    fetch.run()
    assert fetch.here == list(URLS)
    assert fetch.sites.asked["/w/api.php"] == 2


def test_a_photograph_is_asked_for_by_its_number(fetch: Fetch) -> None:
    fetch.table("https://inaturalist-open-data.s3.amazonaws.com/photos/7/original.jpeg")
    fetch.run()
    assert len(fetch.here) == 1


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        ({"LicenseShortName": "CC BY-NC-ND 4.0"}, "its licence is CC BY-NC-ND 4.0"),
        ({"Artist": "<b>Somebody Else</b>"}, "its author is Somebody Else"),
    ],
)
def test_what_the_site_says_otherwise_is_told_and_not_shown(
    fetch: Fetch, now: dict[str, str], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    fetch.sites.files["File:Owl 1.jpg"].update(now)
    fetching = fetch.run()
    assert (fetching.fetched, fetching.refused, fetch.code) == (2, 1, 0)
    assert reason in caplog.text
    assert fetch.here == list(URLS[1:])
    fetch.run()
    assert fetch.sites.asked["/w/api.php"] == 1, "it is remembered"
    fetch.sites.files["File:Owl 1.jpg"] = dict(CREDIT)
    fetch.run(again=True)
    assert fetch.here == list(URLS)


def bomb(width: int) -> bytes:
    """A PNG that says it is enormous."""
    from PIL import Image

    file = io.BytesIO()
    Image.new("1", (32, 32)).save(file, "PNG")
    content = bytearray(file.getvalue())
    content[16:24] = width.to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


REFUSED = {
    "gone": (404, {}, b""),
    "a bomb": (200, {}, bomb(12_000)),
    "a larger bomb": (200, {}, bomb(60_000)),
    "noise": (200, {}, b"\xff\xd8 no picture"),
    "a cut picture": (200, {}, jpeg()[:400]),
    "a dot": (200, {}, jpeg(2, 2)),
    "too many bytes": (200, {}, bytes(8_000_001)),
    "a loop": (302, {"Location": "/img/Owl_1.jpg"}, b""),
    "no address": (302, {"Location": "http://[::1/owl.jpg"}, b""),
    "a file of ours": (302, {"Location": "file:///etc/passwd"}, b""),
}
FAILED = {
    "forbidden": (403, {}, b"no"),
    "out of order": (500, {}, b""),
    "a page": (200, {"Content-Type": "image/jpeg"}, b"<!DOCTYPE html><html>Log in</html>"),
    "cut short": (200, {"Content-Length": "99999", "Connection": "close"}, jpeg()),
}


@pytest.mark.parametrize("reply", REFUSED.values(), ids=REFUSED)
def test_what_is_no_picture_is_refused_and_the_rest_goes_on(fetch: Fetch, reply: tuple) -> None:
    fetch.sites.replies["/img/Owl_1.jpg"] = lambda before: reply
    fetching = fetch.run()
    assert (fetching.fetched, fetching.refused, fetching.failed, fetch.code) == (2, 1, 0, 0)
    assert fetch.here == list(URLS[1:])
    asked = fetch.sites.asked["/img/Owl_1.jpg"]
    fetch.run()
    assert fetch.sites.asked["/img/Owl_1.jpg"] == asked


@pytest.mark.parametrize("reply", FAILED.values(), ids=FAILED)
def test_what_may_pass_is_asked_for_by_the_next_run(fetch: Fetch, reply: tuple) -> None:
    fetch.sites.replies["/img/Owl_1.jpg"] = lambda before: reply
    fetching = fetch.run()
    assert (fetching.fetched, fetching.refused, fetching.failed, fetch.code) == (2, 0, 1, 1)
    del fetch.sites.replies["/img/Owl_1.jpg"]
    assert fetch.run().fetched == 1
    assert (fetch.here, fetch.code) == (list(URLS), 0)


def busy(seconds: str, times: int) -> Callable[[int], tuple]:
    usual = (200, {}, jpeg())
    return lambda before: (429, {"Retry-After": seconds}, b"") if before < times else usual


def test_a_site_that_wants_a_pause_gets_it(fetch: Fetch) -> None:
    fetch.sites.replies["/img/Owl_1.jpg"] = busy("7", times=1)
    fetch.run()
    assert fetch.here == list(URLS)
    assert [round(pause) for pause in fetch.slept].count(7) == 1


@pytest.mark.parametrize("seconds", ["3600", "Fri, 31 Dec 2100 23:59:59 GMT"])
def test_a_site_that_wants_a_long_pause_is_left_alone(fetch: Fetch, seconds: str) -> None:
    fetch.sites.replies["/img/Owl_1.jpg"] = busy(seconds, times=9)
    fetching = fetch.run()
    assert (fetching.fetched, fetching.failed, fetch.code) == (0, 3, 1)
    assert fetch.sites.asked.total() == 2, "one question, one picture, and no more"


def test_a_site_that_goes_on_refusing_is_given_up(fetch: Fetch) -> None:
    urls = [f"{FILE}Owl_{n}.jpg" for n in range(1, 7)]
    fetch.table(*urls)
    for n in range(1, 7):
        fetch.sites.replies[f"/img/Owl_{n}.jpg"] = lambda before: FAILED["forbidden"]
    assert fetch.run().failed == 6
    assert sum(fetch.sites.asked[f"/img/Owl_{n}.jpg"] for n in range(1, 7)) == 4


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}, b"<html>Log in to the network</html>"),
        as_json({"error": {"code": "maxlag"}}),
        as_json([1, 2]),
        as_json({"query": {"pages": [{"title": "File:Owl 1.jpg", "imageinfo": [{}]}]}}),
        (200, {}, b"[" * 100_000),
    ],
)
def test_an_api_that_answers_nonsense_fails_and_nothing_is_refused(
    fetch: Fetch, answer: tuple
) -> None:
    fetch.sites.replies["/w/api.php"] = lambda before: answer
    fetching = fetch.run()
    assert (fetching.fetched, fetching.refused, fetching.failed) == (1, 0, 2)


@pytest.mark.parametrize("path", ["/w/api.php", "/v1/observations"])
def test_an_api_that_is_gone_takes_no_picture_with_it(fetch: Fetch, path: str) -> None:
    fetch.sites.replies[path] = lambda before: (404, {}, b"moved")
    fetching = fetch.run()
    assert (fetching.refused, fetching.fetched + fetching.failed, fetch.code) == (0, 3, 1)
    del fetch.sites.replies[path]
    fetch.run()
    assert fetch.here == list(URLS)


def test_a_photograph_that_is_gone_is_remembered(fetch: Fetch) -> None:
    fetch.table("https://www.inaturalist.org/photos/8")
    assert fetch.run().refused == 1


def test_a_page_that_says_nothing_of_its_file_fails_alone(fetch: Fetch) -> None:
    fetch.sites.silent = {"File:Owl 1.jpg"}
    fetching = fetch.run()
    assert (fetching.fetched, fetching.refused, fetching.failed) == (2, 0, 1)
    assert fetch.here == list(URLS[1:])


def test_a_name_in_another_form_of_unicode_is_found(fetch: Fetch) -> None:
    title = "File:Grünspecht.jpg"
    fetch.sites.files[title] = dict(CREDIT)
    fetch.table(URLS[0], FILE + unicodedata.normalize("NFD", "Grünspecht.jpg"))
    fetch.run()
    assert len(fetch.here) == 2
    assert fetch.sites.asked["/w/api.php"] == 1


def test_an_unknown_address_is_left_where_it_is(fetch: Fetch) -> None:
    fetch.table("https://example.org/owl.jpg", URLS[0])
    assert fetch.run().fetched == 1
    assert fetch.code == 0


def test_a_ledger_that_was_cut_by_a_power_loss_is_no_obstacle(fetch: Fetch) -> None:
    fetch.run()
    ledger = fetch.station / FETCHED / "pictures.csv"
    ledger.write_bytes(ledger.read_bytes()[:-20] + b"\xff\x00")
    fetch.table(*URLS, f"{FILE}Owl_3.jpg")
    assert fetch.run().fetched == 1


def test_somebody_who_does_not_say_who_asks_is_told(
    fetch: Fetch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gallery", "pictures", "--bundle", str(fetch.bundle.path)]) == 2
    assert "--contact" in capsys.readouterr().err


def test_no_picture_is_shown_from_elsewhere(small_bundle: BundleFolder, tmp_path: Path) -> None:
    files = PictureFiles(small_bundle.path, tmp_path)
    (tmp_path / "secret.jpg").write_bytes(b"x")
    (small_bundle.path / "pictures").mkdir()
    (small_bundle.path / "pictures" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    row = load_bundle(small_bundle.path).gallery.table[0]
    for place in ("pictures/link.jpg", "../secret.jpg", "pictures/../secret.jpg", "secret.jpg", ""):
        assert files.at(place) is None
    assert files.path(replace(row, picture="link.jpg")) is None
