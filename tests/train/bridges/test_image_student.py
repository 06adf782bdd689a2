"""The image student: places of the towers that open_clip builds, saved and read again."""

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from PIL import Image  # noqa: E402
from torch.nn.functional import normalize  # noqa: E402

from edge.contract.errors import ConfigError, DatasetError  # noqa: E402
from gallery.teacher import load_teacher  # noqa: E402
from train.bridges.image_student import (  # noqa: E402
    META,
    WEIGHTS,
    ImageStudent,
    begin_image_student,
    load_image_student,
    save_image_student,
    tower_config,
)
from train.pretraining.image_text import TEXT_TOWER, save_open_clip  # noqa: E402

CNN = {
    "image_size": 64,
    "timm_model_name": "resnet10t",
    "timm_model_pretrained": False,
    "timm_pool": "avg",
    "timm_proj": "linear",
}
VIT = {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8}
AVERAGED = {**VIT, "pool_type": "avg"}


def make_teacher(folder, vision):
    import open_clip

    torch.manual_seed(0)
    config = {"embed_dim": 16, "vision_cfg": vision, "text_cfg": TEXT_TOWER}
    save_open_clip(open_clip.CLIP(**config).eval(), config, folder)
    return load_teacher(f"local-dir:{folder}")


@pytest.fixture(scope="module")
def teachers(tmp_path_factory):
    root = tmp_path_factory.mktemp("teachers")
    kinds = {"cnn": CNN, "vit": VIT, "averaged": AVERAGED}
    return {name: make_teacher(root / name, vision) for name, vision in kinds.items()}


def pictures(side, count=3):
    random = torch.Generator().manual_seed(1)
    return torch.rand(count, 3, side, side, generator=random)


@pytest.mark.parametrize(("name", "grid"), [("cnn", (2, 2)), ("vit", (4, 4)), ("averaged", (4, 4))])
def test_places_are_unit_features_in_the_space(teachers, name, grid):
    student = begin_image_student("", teachers[name]).eval()
    places = student(pictures(student.config.side))
    assert tuple(places.shape) == (3, *grid, 16)
    assert student.grid == grid
    assert torch.allclose(places.norm(dim=-1), torch.ones(3, *grid), atol=1e-5)


def test_places_of_a_cnn_before_normalising_average_to_the_teachers_own_row(teachers):
    teacher = teachers["cnn"]
    visual = begin_image_student("", teacher).eval().visual
    batch = pictures(64)
    mean = visual.head(visual.trunk.forward_features(batch).movedim(1, 3)).mean(dim=(1, 2))
    expected = torch.from_numpy(teacher.embed_batch(list(batch)))
    assert torch.allclose(normalize(mean, dim=-1), expected, atol=1e-5)


def test_a_patch_attends_to_itself_alone_in_the_last_layer(teachers):
    student = begin_image_student("", teachers["vit"]).eval()
    visual, batch = student.visual, pictures(32)
    tokens = visual._embeds(batch)
    first, last = visual.transformer.resblocks
    alone = torch.full((17, 17), -torch.inf).fill_diagonal_(0)
    patches = visual.ln_post(last(first(tokens), attn_mask=alone))[:, 1:] @ visual.proj
    expected = normalize(patches, dim=-1).unflatten(1, (4, 4))
    assert torch.allclose(student(batch), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["cnn", "vit"])
def test_what_was_saved_is_read_again_with_its_preprocessing(teachers, name, tmp_path):
    teacher = teachers[name]
    student = begin_image_student("", teacher).eval()
    save_image_student(tmp_path, student)
    loaded = load_image_student(tmp_path)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 70, 3), np.uint8))
    planes = loaded.config.prepare(picture)
    assert torch.equal(planes, teacher.prepare(picture))
    assert torch.allclose(loaded(planes[None]), student(planes[None]), atol=1e-6)
    assert json.loads((tmp_path / META).read_text())["space_id"] == teacher.space_id


def test_a_transformer_of_timm_has_a_place_a_patch(teachers):
    vision = {**CNN, "image_size": 224, "timm_model_name": "vit_tiny_patch16_224"}
    student = ImageStudent(replace(tower_config(teachers["cnn"]), vision=vision)).eval()
    trunk, batch = student.visual.trunk, pictures(224, 1)
    expected = normalize(student.visual.head(trunk.forward_features(batch)[:, 1:]), dim=-1)
    assert torch.allclose(student(batch).flatten(1, 2), expected, atol=1e-6)
    assert student.grid == (14, 14)


def test_a_transformer_for_another_side_is_refused(teachers):
    with pytest.raises(ConfigError, match="224 px, the teacher's are of 32 px"):
        begin_image_student("timm:vit_tiny_patch16_224", teachers["vit"])


def test_a_tower_of_timm_begins_from_nothing_and_is_read_again(teachers, tmp_path):
    student = begin_image_student("timm:resnet10t", teachers["vit"])
    assert student.grid == (1, 1)
    save_image_student(tmp_path, student)
    assert load_image_student(tmp_path).grid == (1, 1)


@pytest.mark.parametrize("name", ["resnet10t", "timm:nothing_of_the_kind"])
def test_a_tower_that_there_is_none_of_is_refused(teachers, name):
    with pytest.raises(ConfigError, match=r"image_student: .*timm:NAME"):
        begin_image_student(name, teachers["vit"])


def test_a_tower_that_pools_by_attention_has_no_places(tmp_path):
    teacher = make_teacher(tmp_path / "attention", {**VIT, "attentional_pool": True})
    with pytest.raises(ConfigError, match="have no embeddings"):
        begin_image_student("", teacher)


def test_a_damaged_or_missing_one_is_refused(teachers, tmp_path):
    with pytest.raises(DatasetError, match=r"python -m train\.bridges localise"):
        load_image_student(tmp_path)
    save_image_student(tmp_path, begin_image_student("", teachers["vit"]))
    (tmp_path / WEIGHTS).write_bytes(b"x")
    with pytest.raises(DatasetError, match="damaged image student"):
        load_image_student(tmp_path)
