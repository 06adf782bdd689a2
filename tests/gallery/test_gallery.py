import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
import open_clip  # noqa: E402

from edge.contract.errors import DatasetError  # noqa: E402
from edge.contract.taxonomy import Taxonomy  # noqa: E402
from edge.recognition.pictures import open_picture  # noqa: E402
from gallery.records import read_pictures, read_records  # noqa: E402
from gallery.teacher import load_teacher, mean_anchors  # noqa: E402
from gallery.templates import TEMPLATES, sentence  # noqa: E402


@pytest.fixture(scope="module")
def taxonomy(world):
    return Taxonomy.load(world.data / "taxonomy.csv")


@pytest.fixture(scope="module")
def teacher(world):
    return load_teacher(world.teacher)


def test_sentences_are_those_of_bioclip_2(taxonomy):
    cuckoo = taxonomy.by_id()["cuculus_canorus"]
    ranks = "Animalia Chordata Aves Cuculiformes Cuculidae Cuculus canorus"
    assert {name: sentence(name, cuckoo) for name in TEMPLATES} == {
        "sci": "a photo of Cuculus canorus.",
        "com": "a photo of Common Cuckoo.",
        "taxon": f"a photo of {ranks}.",
        "sci_com": "a photo of Cuculus canorus with common name Common Cuckoo.",
        "taxon_com": f"a photo of {ranks} with common name Common Cuckoo.",
    }


def test_the_teacher_is_a_plain_open_clip_folder(world, teacher, taxonomy):
    model, _, preprocess = open_clip.create_model_and_transforms(world.teacher)
    tokens = open_clip.get_tokenizer(world.teacher)(["a photo of Cuculus canorus."])
    picture = open_picture(next((world.data / "images").rglob("*.jpg")))
    with torch.inference_mode():
        text = model.eval().encode_text(tokens, normalize=True).numpy()
        image = model.encode_image(preprocess(picture)[None], normalize=True).numpy()
    assert np.allclose(text, teacher.embed_texts(["a photo of Cuculus canorus."]), atol=1e-5)
    assert np.allclose(image, teacher.embed_images([picture]), atol=1e-5)


def test_space_id_is_stable_and_changes_with_any_weight(world, teacher):
    again = load_teacher(world.teacher)
    assert again.space_id == teacher.space_id
    with torch.no_grad():
        next(again.model.parameters()).view(-1)[0] += 1e-3
    from gallery.teacher import space_id

    assert space_id(again.model) != teacher.space_id


def test_anchors_are_unit_rows_a_template_and_species(teacher, taxonomy):
    anchors = teacher.anchors(taxonomy.species)
    assert anchors.shape[:2] == (len(TEMPLATES), len(taxonomy))
    mean = mean_anchors(anchors)
    assert np.allclose(np.linalg.norm(anchors, axis=2), 1, atol=1e-5)
    assert np.allclose(np.linalg.norm(mean, axis=1), 1, atol=1e-5)


def test_a_folder_without_a_model_names_the_way_to_one(tmp_path):
    with pytest.raises(DatasetError, match=r"python -m train\.pretrain"):
        load_teacher(f"local-dir:{tmp_path}")


def test_pictures_come_from_a_manifest_with_their_credit(world, taxonomy):
    everything = read_records(world.data, taxonomy)
    tested = read_records(world.data, taxonomy, split="test")
    assert 0 < len(tested) < len(everything)
    assert {one.author for one in everything} == {"birdlisten aviary"}
    assert {one.licence for one in everything} == {"CC0"}


def test_a_credit_of_many_lines_becomes_one(tmp_path, taxonomy):
    (tmp_path / "manifest.csv").write_text(
        "path,kind,scientific_name,licence,attribution\n"
        'a.jpg,image,Parus major,CC0,"Ann\n\t(a camera)"\n'
    )
    assert [record.author for record in read_records(tmp_path, taxonomy)] == ["Ann (a camera)"]


def test_pictures_come_from_folders_named_by_species(tmp_path, taxonomy):
    for name in ("Cuculus_canorus", "Parus_major", "Corvus_corax"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (8, 8), "red").save(tmp_path / name / "one.jpg")
    found = {record.species_id for record in read_records(tmp_path, taxonomy)}
    assert found == {"cuculus_canorus", "parus_major"}


def test_a_folder_without_pictures_says_what_is_expected(tmp_path, taxonomy):
    with pytest.raises(DatasetError, match="Cuculus_canorus"):
        read_records(tmp_path, taxonomy)


def test_unreadable_pictures_are_named_and_the_rest_go_on(tmp_path, taxonomy, caplog):
    folder = tmp_path / "Parus_major"
    folder.mkdir()
    Image.new("RGB", (32, 32), "red").save(folder / "good.jpg")
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.png").write_text("no picture")
    Image.new("RGB", (32, 32)).save(folder / "disguised.jpg", format="BMP")
    opened = list(read_pictures(read_records(tmp_path, taxonomy)))
    assert [record.path.name for record, _ in opened] == ["good.jpg"]
    for name in ("empty.jpg", "text.png", "disguised.jpg"):
        assert f"{name}: not readable" in caplog.text
    assert "3 of 4 pictures left out" in caplog.text
