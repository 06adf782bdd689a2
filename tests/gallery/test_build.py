"""A gallery grows by what is added, and loses nothing unless that is asked for."""

import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from edge.contract.bundle import load_bundle
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

    def embed_images(self, images):
        colours = [np.asarray(image).reshape(-1, 3).mean(axis=0) / 255 for image in images]
        rows = np.zeros((len(colours), self.dim), np.float32)
        rows[:, :3] = np.array(colours) + 0.01
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


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
