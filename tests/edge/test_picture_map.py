"""Maps of pictures: which part matches a sound is told right, drawn, and never made up."""

from pathlib import Path

import numpy as np
import pytest

from edge.contract.bundle import described
from edge.contract.errors import BundleError
from edge.contract.manifest import PICTURE_MAP, load_manifest
from edge.contract.picture import RESIZES
from edge.recognition.picture_map import PictureMap
from edge.records.detection import Picture
from edge.records.evidence import Evidence
from edge.records.store import Store
from tests.support.factories import BundleFolder, detection, unit_rows

pytest.importorskip("onnx")
Image = pytest.importorskip("PIL.Image")
from tests.support.picture_maps import (  # noqa: E402
    RED,
    add_map,
    map_graph,
    patched,
    spec,
    write_picture,
)

BOX = (300, 200, 400, 300)
"""Of a picture of 400 x 400: its lower right but one place."""
FILE = "cuculus_canorus_0.jpg"


class Heard:
    """A station with one record, whose sound matches what is red."""

    def __init__(self, bundle: BundleFolder, station: Path) -> None:
        self.bundle, self.station = bundle, station
        picture = Picture(f"pictures/{FILE}", None, "Ann Ångström", "CC0", 0.61)
        self.record = detection(pictures=(picture,))
        write_picture(bundle.path, FILE, lambda: patched(400, 400, BOX))

    def keep(self, *, evidence: bool = True, **change: object) -> None:
        self.record = detection(**{"pictures": self.record.pictures, **change})
        store = Store(self.station)
        windows = [Evidence(self.record.id, RED, RED[None])] if evidence else []
        store.write_all([self.record, *windows])
        store.close()

    def places(self) -> tuple[object, ...]:
        return ("--bundle", self.bundle.path, "--station", self.station)


@pytest.fixture
def heard(small_bundle: BundleFolder, tmp_path: Path) -> Heard:
    add_map(small_bundle.path)
    return Heard(small_bundle, tmp_path / "station")


@pytest.mark.parametrize("resize", RESIZES)
@pytest.mark.parametrize("size", [(400, 400), (600, 400), (400, 640)])
def test_the_strongest_place_is_where_it_is_red(small_bundle, resize, size) -> None:
    add_map(small_bundle.path, resize=resize)
    network = PictureMap(small_bundle.path, load_manifest(small_bundle.path))
    left, top, right, bottom = spec(resize).seen(*size)
    x, y = (
        (np.array((2, 3)) / 4 * (right - left) + left) * size[0],
        (np.array((1, 2)) / 4 * (bottom - top) + top) * size[1],
    )
    box = (round(x[0]), round(y[0]), round(x[1]), round(y[1]))
    similarity = network.similarity(patched(*size, box), RED[None])
    assert similarity.strongest == pytest.approx((x.mean() / size[0], y.mean() / size[1]), abs=0.02)
    assert similarity.most > 0.95
    assert similarity.least < 0.3


def test_several_windows_count_alike(small_bundle) -> None:
    add_map(small_bundle.path)
    network, rows = PictureMap(small_bundle.path, load_manifest(small_bundle.path)), unit_rows(5, 4)
    picture = patched(400, 400, BOX)
    mean = np.mean([network.similarity(picture, row[None]).values for row in rows], axis=0)
    np.testing.assert_allclose(network.similarity(picture, rows).values, mean, atol=1e-3)


@pytest.mark.parametrize("suffix", ["png", "jpg", "JPEG"])
def test_a_person_sees_the_part_that_matches(birdlisten, heard, tmp_path, suffix) -> None:
    heard.keep()
    file = tmp_path / f"map.{suffix}"
    ended = birdlisten("why", heard.record.id, "--map", file, *heard.places())
    assert (ended.code, ended.err) == (0, "")
    assert "strongest place: 0.88 of width, 0.62 of height" in ended.out
    with Image.open(file) as drawn:
        assert drawn.format == ("PNG" if suffix == "png" else "JPEG")
        pixels = np.asarray(drawn.convert("RGB"), float)
    overlay = pixels[18 : 18 + 320, 320:640].mean(axis=2)
    y, x = np.unravel_index(overlay.argmax(), overlay.shape)
    assert 240 <= x < 320
    assert 160 <= y < 240
    plain = pixels[18 : 18 + 320, :320]
    assert plain[200, 280].argmax() == 0, "the picture beside it is as it was"


def test_a_program_is_told_the_same(birdlisten, heard, tmp_path) -> None:
    heard.keep()
    command = ("why", heard.record.id, "--map", tmp_path / "map.png", "--json")
    (told,) = birdlisten(*command, *heard.places()).records()
    (place,) = told["places"]
    assert (place["x"], place["y"]) == (0.875, 0.625)
    assert Path(place["picture"]).name == FILE
    assert -1 <= place["least"] < place["most"] <= 1
    plain = birdlisten("why", heard.record.id, "--json", *heard.places()).records()
    assert "places" not in plain[0]


def refusal(ended, *said: str) -> None:
    assert ended.out == ""
    assert ended.err.count("\n") == 1
    for words in said:
        assert words in ended.err


@pytest.mark.parametrize(("file", "code"), [("map.gif", 2), ("map", 2), ("nowhere/map.png", 1)])
def test_a_file_that_cant_be_is_refused(birdlisten, heard, tmp_path, file, code) -> None:
    heard.keep()
    ended = birdlisten("why", heard.record.id, "--map", tmp_path / file, *heard.places())
    refusal(ended)
    assert ended.code == code
    assert not (tmp_path / file).exists()


def test_a_map_is_of_one_record(birdlisten, heard, tmp_path) -> None:
    heard.keep()
    ended = birdlisten("why", "--map", tmp_path / "map.png", *heard.places())
    refusal(ended, "give its id")
    assert ended.code == 2


def without_role(heard: Heard) -> None:
    manifest = load_manifest(heard.bundle.path)
    heard.bundle.edit(lambda content: content["roles"].pop(PICTURE_MAP))
    (heard.bundle.path / manifest.roles[PICTURE_MAP].file).unlink()


def damaged(heard: Heard) -> None:
    file = heard.bundle.file(PICTURE_MAP)
    file.write_bytes(file.read_bytes()[:-1] + b"x")


def without_pictures(heard: Heard) -> None:
    (heard.bundle.path / "pictures" / FILE).unlink()


def with_no_photograph(heard: Heard) -> None:
    (heard.bundle.path / "pictures" / FILE).write_bytes(b"\xff\xd8 nothing")


@pytest.mark.parametrize(
    ("spoil", "kept", "said"),
    [
        (without_role, {}, "python -m export.picture_map"),
        (damaged, {}, "sha256"),
        (without_pictures, {}, "birdlisten gallery pictures"),
        (with_no_photograph, {}, "can be opened"),
        (None, {"evidence": False}, "is not kept"),
        (None, {"model_id": "f" * 64}, "another one than"),
        (None, {"pictures": ()}, "birdlisten gallery pictures"),
    ],
)
def test_what_can_t_be_drawn_is_told(birdlisten, heard, tmp_path, spoil, kept, said) -> None:
    heard.keep(**kept)
    if spoil:
        spoil(heard)
    file = tmp_path / "map.png"
    ended = birdlisten("why", heard.record.id, "--map", file, *heard.places())
    assert (ended.code, ended.out) == (1, "")
    assert said in ended.err
    assert not file.exists()


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (b"no graph at all", "picture.map doesn't load"),
        (b"no graph at all", "or get or export the bundle again"),
        (map_graph(dim=7), "expected [1, height, width, 8]"),
        (map_graph(name="image"), "doesn't run"),
        (map_graph(batch=2), "expected [1, height, width, 8]"),
        (map_graph(unit=False), ", not 1"),
    ],
    ids=["garbage", "next step", "width", "input", "batch", "length"],
)
def test_a_hostile_network_is_a_bundle_error(birdlisten, heard, tmp_path, graph, said) -> None:
    heard.keep()
    add_map(heard.bundle.path, graph)
    file = tmp_path / "map.png"
    ended = birdlisten("why", heard.record.id, "--map", file, *heard.places())
    refusal(ended, said)
    assert (ended.code, file.exists()) == (1, False)


@pytest.mark.parametrize("batch", [1, "batch"])
def test_places_in_one_row_are_refused_at_load(small_bundle, batch) -> None:
    add_map(small_bundle.path, map_graph(batch=batch, flat=True))
    with pytest.raises(BundleError, match=r"16, 8\], expected \[1, height, width, 8\]"):
        PictureMap(small_bundle.path, load_manifest(small_bundle.path))


def test_a_map_that_lies_apart_is_installed(birdlisten, heard, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    heard.keep()
    without_role(heard)
    (tmp_path / "map.onnx").write_bytes(map_graph())
    entry = vars(described(PICTURE_MAP, map_graph(), load_manifest(heard.bundle.path)))
    heard.bundle.edit(lambda content: content.update(apart={PICTURE_MAP: entry}))
    command = ("why", heard.record.id, "--map", tmp_path / "map.png", *heard.places())
    refusal(birdlisten(*command), "its picture map is a file of its own", "gallery tower FILE")
    where = ("--bundle", heard.bundle.path)
    assert "picture map" in birdlisten("gallery", "tower", tmp_path / "map.onnx", *where).out
    assert birdlisten(*command).code == 0
    assert "picture map: " + str(tmp_path / "data") in birdlisten("gallery", "info", *where).out


def test_sheets_show_the_map_by_the_name(birdlisten, heard, tmp_path) -> None:
    sheet = tmp_path / "sheet.html"
    command = ("gallery", "choose", "--keep", "1", "--dry-run", "--sheet", sheet)
    assert birdlisten(*command, "--bundle", heard.bundle.path).code == 0
    page = sheet.read_text(encoding="utf-8")
    assert page.count("likeness of its places to the name: ") == 2 * 1, (
        "alt and text, of what is here"
    )
    assert page.count("data:image/jpeg") == 2
    without_role(heard)
    assert birdlisten(*command, "--bundle", heard.bundle.path).code == 0
    assert "likeness of its places" not in sheet.read_text(encoding="utf-8")


def test_a_check_shows_it_too(birdlisten, heard, tmp_path) -> None:
    sheet = tmp_path / "sheet.html"
    write_picture(heard.bundle.path, "cuculus_canorus_1.jpg", lambda: patched(400, 400, BOX))
    birdlisten("gallery", "check", "--sheet", sheet, "--bundle", heard.bundle.path)
    assert "likeness of its places to the name: " in sheet.read_text(encoding="utf-8")
