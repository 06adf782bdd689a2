"""`birdlisten rematch`: what was encoded once is matched again without its sound."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge.analysis.encoded import FOLDER
from edge.records.reader import open_records


def kept(station: Path) -> list[tuple[object, ...]]:
    """What was reported; without sound a record begins with its first window."""
    with open_records(station) as records:
        found = [records.reported_in(done) for done in records.files_done()]
    told = [(record.source, record.channel, record.species_id, record.hits, record.end_s)
            for recording in found for record in recording]  # fmt: skip
    return sorted(told, key=repr)


@pytest.fixture
def output(birdlisten, card: Path, tmp_path: Path) -> Path:
    """Of an analysis whose card has gone since."""
    output = tmp_path / "out"
    ended = birdlisten("analyze", card, "--keep-embeddings", "--jobs", 2, "--output", output)
    assert ended.code == 0
    shutil.rmtree(card)
    return output


def test_the_same_is_found_again(birdlisten, output: Path) -> None:
    before = kept(output)
    assert len(before) == 9
    ended = birdlisten("rematch", output, "--combine", "--format", "raven")
    assert ended.code == 0
    assert len(ended.out.splitlines()) == 4
    assert kept(output) == before
    with open_records(output) as records:
        (dated, *_) = (
            record
            for done in records.files_done()
            for record in records.reported_in(done)
            if "SMM01" in record.source
        )
    assert dated.root is not None


def test_other_settings_find_other_things(birdlisten, output: Path, tmp_path: Path) -> None:
    before = kept(output)
    asked = before[0][2]
    (tmp_path / "names.txt").write_text(str(asked).replace("_", " ").capitalize())
    assert birdlisten("rematch", output, "--species", tmp_path / "names.txt").code == 0
    assert {record[2] for record in kept(output)} == {asked}
    assert birdlisten("rematch", output).code == 0
    assert kept(output) == before


def test_each_channel_is_matched_by_itself(birdlisten, tmp_path: Path, song) -> None:
    samples, rate_hz = song
    both = np.stack([samples, np.roll(samples, rate_hz)], axis=1)
    soundfile.write(tmp_path / "a.wav", both, rate_hz)
    where = ("--keep-embeddings", "--channel", "each", "--output", tmp_path / "out")
    birdlisten("analyze", tmp_path / "a.wav", *where)
    before = kept(tmp_path / "out")
    assert {record[1] for record in before} == {1, 2}
    birdlisten("rematch", tmp_path / "out", "--channel", "each")
    assert kept(tmp_path / "out") == before


def test_another_encoder_is_refused_and_nothing_changes(birdlisten, output: Path) -> None:
    before = kept(output)
    ended = birdlisten("rematch", output, "--precision", "fp32", "--hop", "1.1")
    assert ended.code == 1
    assert ended.err.count("analyze again") == 3
    assert kept(output) == before


@pytest.mark.parametrize("harm", ["cut", "empty", "text", "gone"])
def test_what_can_not_be_read_is_named_and_the_rest_goes_on(
    birdlisten, output: Path, harm: str
) -> None:
    before = kept(output)
    path, *_ = sorted((output / FOLDER).iterdir())
    content = path.read_bytes()
    path.write_bytes({"cut": content[:-99], "empty": b"", "text": b"no", "gone": b""}[harm])
    if harm == "gone":
        path.unlink()
    ended = birdlisten("rematch", output)
    assert ended.code == 1
    assert "analyze" in ended.err
    assert kept(output) == before


def test_a_recording_known_without_its_embeddings_is_heard_again(
    birdlisten, card: Path, tmp_path: Path
) -> None:
    birdlisten("analyze", card, "--output", tmp_path / "out")
    assert "not kept" in birdlisten("rematch", tmp_path / "out").err
    ended = birdlisten("analyze", card, "--keep-embeddings", "--output", tmp_path / "out")
    assert "known already" not in ended.err
    assert birdlisten("rematch", tmp_path / "out").code == 0


def test_it_says_where_there_is_nothing(birdlisten, card: Path, tmp_path: Path) -> None:
    assert "analyze them first" in birdlisten("rematch", tmp_path / "none").err
    ended = birdlisten("analyze", card, "--keep-embeddings")
    assert ended.code == 2
    assert "--output" in ended.err
