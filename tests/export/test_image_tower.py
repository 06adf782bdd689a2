"""The image tower of a recorder gives open_clip's rows, by Pillow and onnxruntime alone."""

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
open_clip = pytest.importorskip("open_clip")

from PIL import Image  # noqa: E402

from edge.contract.bundle import load_bundle, npy_bytes, write_bundle  # noqa: E402
from edge.contract.errors import BundleError, DatasetError  # noqa: E402
from edge.contract.gallery import Gallery, GalleryRow  # noqa: E402
from edge.contract.manifest import IMAGE_ENCODER, load_manifest  # noqa: E402
from edge.contract.picture import RESIZES, PictureSpec  # noqa: E402
from edge.recognition.pictures import PictureEncoder, open_picture, prepared  # noqa: E402
from export.image_tower import add_image_tower, main, spec_of  # noqa: E402
from gallery.teacher import load_teacher  # noqa: E402

SIZES = ((640, 480), (300, 900), (224, 224), (97, 131), (1000, 33), (65, 64))


@pytest.fixture(scope="module")
def teacher(world):
    return load_teacher(world.teacher)


def drawn(width, height, seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 8 + 1, width // 8 + 1, 3))
    small = Image.fromarray(coarse.astype(np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def in_another_space(bundle):
    """By its hash alone."""
    path = bundle / "manifest.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(json.loads(text)["space_id"], "c" * 64), encoding="utf-8")


@pytest.fixture
def pictures(tmp_path):
    """A folder as a person has it: two birds, of which only one is known."""
    for species, seed in (("Strix_aluco", 1), ("Parus_major", 2)):
        folder = tmp_path / "pictures" / species
        folder.mkdir(parents=True)
        drawn(300, 200, seed).save(folder / "a.png")
    return tmp_path / "pictures"


@pytest.fixture
def bundle(small_manifest, small_contents, teacher, tmp_path):
    """A bundle of the teacher's space; its encoder is bytes that no test may run."""
    images = [drawn(200, 150, seed) for seed in range(3)]
    rows = teacher.embed_images(images).astype(np.float16)
    species = ("cuculus_canorus", "strix_aluco", "parus_major")
    table = tuple(
        GalleryRow(name, "", f"https://x/{n}", "me", "CC0") for n, name in enumerate(species)
    )
    manifest = replace(small_manifest, embedding_dim=rows.shape[1], space_id=teacher.space_id)
    contents = {
        **{role: small_contents[role] for role in ("encoder.fp32", "taxonomy")},
        "gallery.rows": npy_bytes(rows),
        "gallery.table": Gallery(rows, table).table_csv(),
    }
    write_bundle(tmp_path / "bundle", manifest, contents)
    return tmp_path / "bundle"


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("resize", RESIZES)
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_a_picture_is_prepared_as_open_clip_does(size, resize, interpolation):
    spec = PictureSpec(64, (0.48, 0.45, 0.41), (0.27, 0.26, 0.28), resize, interpolation)
    transform = open_clip.image_transform(
        spec.size,
        is_train=False,
        mean=spec.mean,
        std=spec.std,
        resize_mode=resize,
        interpolation=interpolation,
    )
    expected = transform(drawn(*size)).numpy()
    assert np.abs(prepared(drawn(*size), spec) - expected).max() < 1e-5


def test_the_rows_are_the_teachers(bundle, teacher, pictures):
    written = add_image_tower(bundle, teacher, pictures)
    assert written.image == spec_of(teacher)
    assert written.provenance["image_tower"]["least_cosine_on_pictures"] >= 0.9999
    images = [drawn(*size) for size in SIZES]
    found = PictureEncoder(bundle, load_manifest(bundle)).embed(images)
    assert ((found * teacher.embed_images(images)).sum(axis=1) > 0.999).all()
    assert load_bundle(bundle).gallery.rows.shape == (3, written.embedding_dim)


def test_a_picture_without_numbers_is_no_match(bundle, teacher, monkeypatch):
    original, fed = teacher.model.encode_image, []

    def numberless_from_the_second(planes, normalize):
        fed.append(planes)
        return original(planes, normalize=normalize) * (1 if len(fed) == 1 else np.nan)

    monkeypatch.setattr(teacher.model, "encode_image", numberless_from_the_second)
    before = load_manifest(bundle)
    with pytest.raises(DatasetError, match="cosine of nan"):
        add_image_tower(bundle, teacher)
    assert load_manifest(bundle) == before


def test_int8_is_smaller_and_sees_nearly_the_same(bundle, teacher, pictures):
    half = add_image_tower(bundle, teacher, pictures).roles[IMAGE_ENCODER]
    manifest = add_image_tower(bundle, teacher, pictures, int8=True)
    small = manifest.roles[IMAGE_ENCODER]
    assert small.bytes < 0.8 * half.bytes
    assert not (bundle / half.file).exists()
    images = [drawn(300, 200, seed) for seed in range(4)]
    found = PictureEncoder(bundle, manifest).embed(images)
    cosines = [
        row.astype(np.float32) @ other
        for row, other in zip(found, teacher.embed_images(images), strict=True)
    ]
    assert min(cosines) > 0.995


def test_another_space_is_refused(bundle, teacher, pictures):
    in_another_space(bundle)
    before = sorted(file.name for file in bundle.iterdir())
    with pytest.raises(BundleError, match="--pictures"):
        add_image_tower(bundle, teacher)
    with pytest.raises(BundleError, match="none of its pictures"):
        add_image_tower(bundle, teacher, pictures)
    assert sorted(file.name for file in bundle.iterdir()) == before


def own_picture(folder, seed):
    """A set of one picture, by its address the bundle's first."""
    folder.mkdir()
    drawn(200, 150, seed).save(folder / "a.png")
    (folder / "manifest.csv").write_text(
        "path,kind,scientific_name,licence,attribution,url\n"
        "a.png,image,Cuculus canorus,CC0,me,https://x/0\n"
    )
    return folder


def test_rows_without_numbers_are_of_another_space(bundle, teacher, tmp_path, monkeypatch):
    in_another_space(bundle)
    folder, original = own_picture(tmp_path / "set", 0), type(teacher).embed_images
    monkeypatch.setattr(
        type(teacher), "embed_images", lambda own, images: original(own, images) * np.nan
    )
    with pytest.raises(BundleError, match="cosine of nan"):
        add_image_tower(bundle, teacher, folder)


@pytest.mark.parametrize(("seed", "same"), [(0, True), (9, False)])
def test_a_teacher_trained_again_is_told_by_the_rows(bundle, teacher, tmp_path, seed, same):
    in_another_space(bundle)
    folder = own_picture(tmp_path / "set", seed)
    if same:
        add_image_tower(bundle, teacher, folder)
        assert load_manifest(bundle).provenance["image_tower"]["least_cosine_with_gallery"] > 0.999
    else:
        with pytest.raises(BundleError, match="another space"):
            add_image_tower(bundle, teacher, folder)


def test_a_tower_that_sees_oblongs_is_refused(teacher):
    visual = teacher.model.visual
    visual.preprocess_cfg, kept = {**visual.preprocess_cfg, "size": (64, 32)}, visual.preprocess_cfg
    try:
        with pytest.raises(DatasetError, match="square"):
            spec_of(teacher)
    finally:
        visual.preprocess_cfg = kept


def test_the_command_says_what_is_missing(tmp_path, capsys, world):
    assert main([str(tmp_path), "--teacher", world.teacher]) == 1
    assert "no bundle here" in capsys.readouterr().err


def test_a_person_adds_pictures(bundle, teacher, birdlisten, tmp_path):
    add_image_tower(bundle, teacher)
    drawn(500, 400, 5).save(tmp_path / "one.jpg")
    drawn(500, 400, 6).save(tmp_path / "two.png")
    (tmp_path / "three.jpg").write_bytes(b"no picture")
    files = [tmp_path / name for name in ("one.jpg", "two.png", "three.jpg", "one.jpg")]
    where = ("--bundle", bundle, "--station", tmp_path / "station")
    credit = ("--author", "A. Author", "--licence", "CC0")
    name = ("Leipoa ocellata", "--common", "Malleefowl")
    ended = birdlisten("species", "add", *name, "--pictures", *files, *credit, *where)
    assert ended.code == 1
    assert "three.jpg" in ended.err
    assert "there already" in ended.err
    assert "2 pictures" in ended.out
    assert "pictures alone are hardly ever enough" in ended.out
    shown = birdlisten("species", "show", "Malleefowl", *where)
    assert shown.out.count("(A. Author, CC0)") == 2
    (thumbnail,) = (tmp_path / "station").rglob("leipoa_ocellata_own_01.jpg")
    assert max(open_picture(thumbnail).size) == 320
    (record,) = birdlisten("species", "list", "--json", *where).records()
    assert (record["pictures"], record["sounds"]) == (2, 0)
    json.dumps(record)


def test_a_large_tower_lies_apart_and_is_installed_by_its_hash(
    bundle, teacher, birdlisten, tmp_path, monkeypatch, pictures
):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    file = tmp_path / "tower.onnx"
    written = add_image_tower(bundle, teacher, apart=file)
    assert "encoder.image" not in written.roles
    absent = birdlisten("gallery", "add", pictures, "--bundle", bundle)
    assert (absent.code, "birdlisten gallery tower FILE" in absent.err) == (1, True)
    assert birdlisten("gallery", "tower", file, "--bundle", bundle).code == 0
    assert birdlisten("gallery", "add", pictures, "--bundle", bundle).code == 0
    add_image_tower(bundle, teacher)
    assert load_manifest(bundle).apart == {}


def test_a_turned_picture_is_set_upright(tmp_path):
    picture = drawn(60, 30)
    exif = picture.getexif()
    exif[0x0112] = 6  # a quarter turn
    picture.save(tmp_path / "turned.jpg", exif=exif)
    assert open_picture(tmp_path / "turned.jpg").size == (30, 60)


@pytest.mark.parametrize("size", [(4, 4), (9000, 9000)])
def test_tiny_and_huge_pictures_are_refused(tmp_path, size):
    from edge.contract.errors import PictureError

    Image.new("L", size).save(tmp_path / "odd.png")
    with pytest.raises(PictureError, match="pixels"):
        open_picture(tmp_path / "odd.png")


def test_a_graph_of_another_width_is_told(bundle, teacher):
    add_image_tower(bundle, teacher)
    manifest = load_manifest(bundle)
    wide = replace(manifest, embedding_dim=manifest.embedding_dim + 1)
    with pytest.raises(BundleError, match=IMAGE_ENCODER):
        PictureEncoder(bundle, wide).embed([drawn(64, 64)])
