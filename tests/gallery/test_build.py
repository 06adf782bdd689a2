"""A gallery grows by what is added, and loses nothing unless that is asked for."""

import shutil
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.contract.bundle import load_bundle
from edge.contract.editing import kept, put_gallery
from edge.contract.errors import DatasetError
from gallery.build import PictureChoice, build
from tests.support import ROOT

CUCKOO, TIT = "Cuculus canorus", "Parus major"


@dataclass(frozen=True)
class Eye:
    """Sees nothing but the colour of a picture."""

    space_id: str
    dim: int
    name: str = "an eye"
    arithmetic: str = "fp32"
    seen: list = field(default_factory=list)
    """Sizes of the batches that were embedded."""
    patience: int = 1000
    """Batches until it is killed."""

    def prepare(self, image):
        return np.asarray(image).reshape(-1, 3).mean(axis=0) / 255

    def embed_batch(self, colours):
        if len(self.seen) == self.patience:
            raise KeyboardInterrupt
        self.seen.append(len(colours))
        rows = np.zeros((len(colours), self.dim), np.float32)
        rows[:, :3] = np.array(colours) + 0.01
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def eye(bundle_copy):
    manifest = load_bundle(bundle_copy.path).manifest
    return lambda: Eye(manifest.space_id, manifest.embedding_dim)


def pictured(folder, species, *colours):
    """A folder with pictures of one colour each."""
    own = folder / species.replace(" ", "_")
    own.mkdir(parents=True)
    for colour in colours:
        Image.new("RGB", (16, 16), colour).save(own / f"{colour}.png")
    return folder


def rows_of(bundle):
    gallery = load_bundle(bundle).gallery
    return [(row, bytes(line)) for row, line in zip(gallery.table, gallery.rows, strict=True)]


def test_adding_keeps_every_picture_that_is_there(bundle_copy, eye, tmp_path):
    before = rows_of(bundle_copy.path)
    built = build(bundle_copy.path, pictured(tmp_path / "new", TIT, "red", "blue"), eye)
    after = rows_of(bundle_copy.path)
    assert after[: len(before)] == before
    assert [row.species_id for row, _ in after[len(before) :]] == 2 * ["parus_major"]
    assert str(built) == "2 pictures added"


def test_what_was_edited_while_the_teacher_was_loaded_stays(small_bundle, tmp_path):
    def load():
        bundle = load_bundle(small_bundle.path)
        put_gallery(small_bundle.path, bundle.manifest, kept(bundle.gallery, [0]))
        return Eye(bundle.manifest.space_id, bundle.manifest.embedding_dim)

    before = rows_of(small_bundle.path)
    build(small_bundle.path, pictured(tmp_path / "new", CUCKOO, "red"), load)
    assert rows_of(small_bundle.path)[:-1] == before[1:]


def test_a_new_thumbnail_takes_no_name_that_is_given(bundle_copy, eye, tmp_path):
    build(bundle_copy.path, pictured(tmp_path / "one", CUCKOO, "red"), eye)
    build(bundle_copy.path, pictured(tmp_path / "two", CUCKOO, "blue"), eye)
    names = [row.picture for row, _ in rows_of(bundle_copy.path)]
    assert len(set(names)) == len(names)
    shown = bundle_copy.path / "pictures"
    for name, colour in zip(names[-2:], ((254, 0, 0), (0, 0, 254)), strict=True):
        assert Image.open(shown / name).getpixel((8, 8)) == colour
    assert not (bundle_copy.path / ".pictures-new").exists()


def test_a_picture_that_is_there_already_is_not_added_again(bundle_copy, eye, tmp_path):
    folder = pictured(tmp_path / "new", CUCKOO, "red", "blue")
    build(bundle_copy.path, folder, eye)
    before = rows_of(bundle_copy.path)
    Image.new("RGB", (16, 16), "lime").save(folder / "Cuculus_canorus" / "lime.png")
    built = build(bundle_copy.path, folder, eye)
    assert (built.added, built.known, built.removed) == (1, 2, 0)
    assert rows_of(bundle_copy.path)[:-1] == before


def many(folder, count):
    """A folder of pictures, all of other colours."""
    colours = np.random.default_rng(0).integers(0, 256, (count, 3))
    return pictured(folder, TIT, *("#" + bytes(colour).hex() for colour in colours.astype("u1")))


def test_a_killed_build_goes_on_and_ends_as_if_nothing_had_been(bundle_copy, tmp_path, eye):
    folder, other = many(tmp_path / "new", 150), tmp_path / "other"
    shutil.copytree(bundle_copy.path, other)
    killed, goes_on, alone = (replace(eye(), seen=[], patience=most) for most in (1, 9, 9))
    with pytest.raises(KeyboardInterrupt):
        build(bundle_copy.path, folder, lambda: killed)
    build(bundle_copy.path, folder, lambda: goes_on)
    assert (killed.seen, goes_on.seen) == ([64], [64, 22])
    shutil.rmtree(tmp_path / "cache")
    build(other, folder, lambda: alone)
    assert alone.seen == [64, 64, 22]
    assert rows_of(bundle_copy.path) == rows_of(other)
    for name in (row.picture for row, _ in rows_of(other)[-150:]):
        paths = (path / "pictures" / name for path in (bundle_copy.path, other))
        assert len({path.read_bytes() for path in paths}) == 1


def test_only_new_pictures_are_embedded(bundle_copy, tmp_path, eye):
    folder = many(tmp_path / "new", 5)
    build(bundle_copy.path, folder, eye)
    Image.new("RGB", (16, 16), "lime").save(folder / "Parus_major" / "0.png")
    again = eye()
    assert (
        str(build(bundle_copy.path, folder, lambda: again))
        == "1 pictures added, 5 were there already"
    )
    assert again.seen == [1]


def test_a_damaged_or_absent_cache_costs_no_picture(bundle_copy, tmp_path, eye, monkeypatch):
    folder = many(tmp_path / "new", 5)
    build(bundle_copy.path, folder, eye)
    before = rows_of(bundle_copy.path)
    (cache,) = (tmp_path / "cache").rglob("*.rows")
    content = bytearray(cache.read_bytes())
    content[60:90] = b"\xff" * 30
    cache.write_bytes(content[:-7])
    for home in (tmp_path / "cache", Path("/dev/null")):
        monkeypatch.setenv("XDG_CACHE_HOME", str(home))
        build(bundle_copy.path, folder, eye, PictureChoice(replace=True))
        assert [bytes_ for _, bytes_ in rows_of(bundle_copy.path)] == [
            bytes_ for _, bytes_ in before[-5:]
        ]


def test_what_replaces_says_how_many_go(bundle_copy, eye, tmp_path):
    count = len(rows_of(bundle_copy.path))
    new = pictured(tmp_path / "new", TIT, "red")
    built = build(bundle_copy.path, new, eye, PictureChoice(replace=True))
    assert str(built) == f"1 pictures added, {count} removed"
    assert [row.picture for row, _ in rows_of(bundle_copy.path)] == ["parus_major_01.jpg"]
    assert [file.name for file in (bundle_copy.path / "pictures").iterdir()] == [
        "parus_major_01.jpg"
    ]


def test_links_leave_the_thumbnails_of_others(bundle_copy, eye, tmp_path):
    build(bundle_copy.path, pictured(tmp_path / "one", TIT, "red"), eye)
    build(
        bundle_copy.path,
        pictured(tmp_path / "two", TIT, "blue"),
        eye,
        PictureChoice(thumbnails=False),
    )
    shown, linked = (row.picture for row, _ in rows_of(bundle_copy.path)[-2:])
    assert (bundle_copy.path / "pictures" / shown).is_file()
    assert linked == ""


def test_a_species_that_the_bundle_does_not_know_is_named(bundle_copy, eye, tmp_path, caplog):
    folder = pictured(tmp_path / "new", "Leipoa ocellata", "red")
    before = rows_of(bundle_copy.path)
    with pytest.raises(DatasetError, match="has none of these species: leipoa_ocellata"):
        build(bundle_copy.path, folder, eye)
    assert rows_of(bundle_copy.path) == before
    build(bundle_copy.path, pictured(folder, TIT, "blue"), eye)
    assert "not in the bundle's taxonomy: leipoa_ocellata" in caplog.text


@pytest.mark.parametrize(
    ("blocked", "arguments", "said"),
    [
        ("torch", ("nowhere",), "nowhere"),
        ("torch", (".", "--teacher", "local-dir:nowhere"), "no open_clip model here"),
        ("torch", (".",), "torch is not installed; the workshop needs: pip install"),
        ("PIL", (".",), "PIL is not installed; the workshop needs: pip install"),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_heavy_is_loaded(
    bundle_copy, tmp_path, blocked, arguments, said
):
    """Whatever is blocked would be a traceback if it were loaded before."""
    pictures = pictured(tmp_path / "new", TIT, "red")
    teacher = tmp_path / "teacher"
    teacher.mkdir()
    (teacher / "open_clip_config.json").write_text("{}")
    where, *others = arguments
    command = [f"{bundle_copy.path}", "--pictures", f"{pictures if where == '.' else where}"]
    command += others or ["--teacher", f"local-dir:{teacher}"]
    code = (
        f"import sys; sys.modules[{blocked!r}] = None; from gallery.build import main; "
        f"sys.exit(main({command!r}))"
    )
    python = [sys.executable, "-c", code]
    done = subprocess.run(python, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
