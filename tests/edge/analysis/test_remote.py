"""Recordings of an object store: pyarrow opens a folder here as it opens a bucket."""

from pathlib import Path

import pytest

pytest.importorskip("pyarrow.fs", reason="the extra `tables` is not installed")

from edge.analysis.remote import find_remote
from edge.contract.errors import AudioError


def test_a_store_is_heard_as_a_folder_is(birdlisten, card: Path, tmp_path: Path) -> None:
    (card / "DATA" / ".hidden.wav").write_bytes(b"x")
    (card / "notes.txt").write_text("no recording")
    url = f"file://{card}"
    here = birdlisten("analyze", card, "--json")
    away = birdlisten("analyze", url, "--json")
    assert away.code == here.code == 0
    told = [(one["source"], one["start_s"], one["species_id"]) for one in here.records()]
    assert [(one["source"], one["start_s"], one["species_id"]) for one in away.records()] == told
    assert {(one["root"], one["volume"]) for one in away.records()} == {(url, "file://")}


def test_what_is_known_is_not_fetched_again(birdlisten, card: Path, tmp_path: Path) -> None:
    call = ("analyze", f"file://{card}", "--output", tmp_path / "out")
    assert birdlisten(*call).code == 0
    assert "3 recordings known already" in birdlisten(*call).err
    (card / "DATA" / "song.flac").touch()
    assert "2 recordings known already" in birdlisten(*call).err


def test_a_recording_is_named_by_its_url(birdlisten, card: Path) -> None:
    url = f"file://{card}/DATA/song.flac"
    (found,) = find_remote(url)
    assert (found.source, found.root, str(found)) == (url, None, url)
    assert {one["source"] for one in birdlisten("analyze", url, "--json").records()} == {url}


def test_a_broken_recording_is_told_by_its_url(birdlisten, card: Path) -> None:
    (card / "broken.wav").write_bytes(b"RIFF, but nothing else")
    ended = birdlisten("analyze", f"file://{card}", "--jobs", 1)
    assert ended.code == 1
    assert f"file://{card}/broken.wav" in ended.err
    assert "birdlisten-" not in ended.err


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("file:///nowhere/at/all", "file:///nowhere/at/all: "),
        ("gopher://x/y", "not the URL of a store"),
        ("file://{empty}", "no audio files here"),
    ],
)
def test_what_is_no_store_is_told(birdlisten, tmp_path: Path, url: str, problem: str) -> None:
    (tmp_path / "empty").mkdir()
    ended = birdlisten("analyze", url.format(empty=tmp_path / "empty"))
    assert ended.code == 1
    assert problem in ended.err
    assert "Traceback" not in ended.err


def test_one_that_has_gone_costs_itself(card: Path) -> None:
    found = find_remote(f"file://{card}")
    (card / "DATA" / "song.flac").unlink()
    with pytest.raises(AudioError, match=r"song\.flac: can't be fetched"), found[-1].fetched():
        pass


def test_credentials_never_reach_a_record() -> None:
    with pytest.raises(AudioError, match="credentials in a URL") as caught:
        find_remote("s3://KEY:SECRET@bucket/cards")
    assert "SECRET" not in str(caught.value)


def test_tables_name_a_recording_so_that_it_can_be_opened(birdlisten, card, tmp_path) -> None:
    url = f"file://{card}"
    call = ("analyze", url, "--output", tmp_path, "--format", "csv,kaleidoscope", "--combine")
    assert birdlisten(*call).code == 0
    (csv_table,) = tmp_path.glob("*CombinedTable*.csv")
    assert f"{url}/DATA/song.flac" in csv_table.read_text()
    (kaleidoscope,) = tmp_path.glob("*aleidoscope*.csv")
    assert f"{url},DATA,song.flac" in kaleidoscope.read_text()


def test_what_a_person_has_reviewed_is_not_there_twice(birdlisten, card, tmp_path) -> None:
    where = ("--station", tmp_path / "station")
    call = ("analyze", f"file://{card}", *where, "--again", "--json")
    first = birdlisten(*call).records()[0]
    assert birdlisten("confirm", first["id"], *where, "--bundle", "aviary").code == 0
    assert birdlisten(*call).code == 0
    kept = birdlisten("records", "--json", *where).records()
    same = [one for one in kept if one["source"] == first["source"]]
    assert len([one for one in same if one["start_s"] == first["start_s"]]) == 1
