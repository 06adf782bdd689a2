"""Recordings below a folder: whatever their names, and without what is none of the user's."""

import os
from pathlib import Path

import pytest

from edge.contract.errors import AudioError
from edge.source.tree import find_recordings, list_recordings, read_tree

NAMES = ["a plain.wav", "b new\nline.wav", "d 🐦 Grünspecht.wav", "-e dash.wav", "f \x1b[31m.wav"]


def made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def test_any_name_is_found(tmp_path: Path) -> None:
    files = [made(tmp_path / name) for name in NAMES]
    files.append(made(Path(os.fsdecode(os.fsencode(tmp_path) + b"/c lat\xe9n.wav"))))
    files.append(made(tmp_path / "i folder.wav" / "z.wav"))
    assert sorted(find_recordings(tmp_path)) == sorted(files)


def test_what_is_hidden_is_counted_and_left_out(tmp_path: Path) -> None:
    song = made(tmp_path / "song.wav")
    made(tmp_path / "._song.wav")
    made(tmp_path / ".Trashes" / "deep" / "gone.wav")
    made(tmp_path / ".hidden.wav")
    tree = read_tree(tmp_path)
    assert (tree.recordings, tree.hidden) == ([song], 2)


def test_links_are_followed_once(tmp_path: Path) -> None:
    song = made(tmp_path / "card" / "song.wav")
    (tmp_path / "again").symlink_to(tmp_path / "card")
    (tmp_path / "card" / "loop").symlink_to(tmp_path)
    (tmp_path / "dangling.wav").symlink_to(tmp_path / "nowhere.wav")
    (tmp_path / "self.wav").symlink_to(tmp_path / "self.wav")
    elsewhere = made(tmp_path.parent / "elsewhere" / "other.wav")
    (tmp_path / "linked").symlink_to(elsewhere.parent)
    found = find_recordings(tmp_path)
    assert len(found) == 2
    assert {file.resolve() for file in found} == {song, elsewhere}


def test_pipes_and_devices_are_no_recordings(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.wav")
    (tmp_path / "b.wav").symlink_to("/dev/null")
    assert list_recordings(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_cant_be_read_is_named(tmp_path: Path) -> None:
    song, locked = made(tmp_path / "song.wav"), tmp_path / "locked"
    locked.mkdir(mode=0)
    tree = read_tree(tmp_path)
    locked.chmod(0o700)
    assert tree.recordings == [song]
    assert "locked: Permission denied" in tree.unreadable[0]


def test_a_folder_of_hidden_ones_says_so(tmp_path: Path) -> None:
    made(tmp_path / ".a.wav")
    with pytest.raises(AudioError, match="no audio files here but 1 hidden"):
        find_recordings(tmp_path)
