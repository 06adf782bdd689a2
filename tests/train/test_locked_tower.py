"""The teacher over a ready-made tower, exercised with random weights in the true format."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import timm  # noqa: E402
from PIL import Image  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from edge.contract.errors import DatasetError  # noqa: E402
from gallery.data.dataset import read_dataset  # noqa: E402
from gallery.teacher import load_teacher, mean_anchors  # noqa: E402
from train.config import PretrainConfig  # noqa: E402
from train.pretrain import pretrain  # noqa: E402
from train.pretraining.locked_tower import uniformity  # noqa: E402


@pytest.fixture(scope="module")
def tower(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tower")
    torch.manual_seed(0)
    model = timm.create_model("mobilenetv2_100", pad_type="same", num_classes=7)
    save_file(model.state_dict(), folder / "model.safetensors")
    return folder


@pytest.fixture(scope="module")
def teacher(world, tower):
    config = PretrainConfig(
        data=str(world.data),
        output=str(world.root / "locked-aviary"),
        image_tower=str(tower),
        image_steps=40,
        image_batch=24,
        dim=16,
        device="cpu",
    )
    return load_teacher(f"local-dir:{pretrain(config, ['teacher'])[0]}")


def test_the_tower_is_locked_and_padded_as_its_weights_were_trained(teacher, tower):
    expected = timm.create_model("mobilenetv2_100", pad_type="same", num_classes=0).eval()
    weights = load_file(tower / "model.safetensors")
    expected.load_state_dict({k: v for k, v in weights.items() if not k.startswith("classifier")})
    pixels = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        assert torch.equal(teacher.model.visual.trunk(pixels), expected(pixels))


def test_pixels_are_scaled_as_its_weights_were_trained(teacher):
    grey = Image.fromarray(np.full((300, 400, 3), 128, np.uint8))
    assert teacher.preprocess(grey).shape == (3, 224, 224)
    assert teacher.preprocess(grey).abs().max() < 1e-6
    white = Image.fromarray(np.full((300, 400, 3), 255, np.uint8))
    assert teacher.preprocess(white).mean() == pytest.approx(127 / 128)


def test_projection_and_text_tower_learn(teacher, world):
    losses = (world.root / "locked-aviary" / "image_text.jsonl").read_text().splitlines()
    values = [float(line.split('"loss": ')[1].split(",")[0]) for line in losses]
    assert np.mean(values[-5:]) < np.mean(values[:5]) - 0.1
    species = read_dataset(world.data).taxonomy.species
    anchors = teacher.anchors(species)
    assert anchors.shape[1:] == (len(species), 16)


def test_a_wider_text_tower_pulls_the_names_apart(teacher, world, tower, tmp_path):
    config = PretrainConfig(
        data=str(world.data),
        output=str(tmp_path / "spread-aviary"),
        image_tower=str(tower),
        image_steps=40,
        image_batch=24,
        dim=96,
        text_width=96,
        text_layers=1,
        text_spread=1.0,
        device="cpu",
    )
    spread = load_teacher(f"local-dir:{pretrain(config, ['teacher'])[0]}")
    species = read_dataset(world.data).taxonomy.species
    apart, before = (
        uniformity(torch.tensor(mean_anchors(one.anchors(species)))) for one in (spread, teacher)
    )
    assert apart < before - 0.3


def test_uniformity_is_worst_where_all_rows_are_alike():
    alike = torch.ones(3, 4) / 2
    assert uniformity(alike) == 0
    assert uniformity(torch.eye(3)) == pytest.approx(-4)  # squared distance 2, twice


@pytest.mark.parametrize("content", [None, b"", b"no safetensors"])
def test_a_folder_without_the_tower_is_named(world, tmp_path, content):
    if content is not None:
        (tmp_path / "model.safetensors").write_bytes(content)
    config = PretrainConfig(
        data=str(world.data), output=str(tmp_path / "none-aviary"), image_tower=str(tmp_path)
    )
    with pytest.raises(DatasetError, match="image_tower"):
        pretrain(config, ["teacher"])
