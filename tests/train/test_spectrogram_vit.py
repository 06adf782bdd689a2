"""An image tower's transformer that hears, and the student that starts from it."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import open_clip  # noqa: E402
from open_clip.transformer import VisionTransformer  # noqa: E402

from edge.contract.errors import ConfigError, DatasetError  # noqa: E402
from export.graph import to_onnx  # noqa: E402
from gallery.teacher import load_teacher  # noqa: E402
from tests.support.published_models import TINY, write_teacher  # noqa: E402
from train.model.frontend import LogMelSpec  # noqa: E402
from train.model.image_start import open_image_tower  # noqa: E402
from train.model.opening import open_student  # noqa: E402
from train.model.spectrogram_vit import (  # noqa: E402
    PatchSpec,
    averaged_kernel,
    greyscale,
    grid_of,
    laid_on,
)
from train.model.student import WaveformStudent  # noqa: E402
from train.pretraining.image_text import save_open_clip  # noqa: E402
from train.sound.features import fill  # noqa: E402

SPEC = LogMelSpec(hop_samples=960)
WINDOW_S = 2.5


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    return write_teacher(tmp_path_factory.mktemp("teacher"))


@pytest.fixture(scope="module")
def visual(teacher):
    return load_teacher(teacher).model.visual


@pytest.fixture(scope="module")
def start(teacher):
    return open_image_tower(teacher, SPEC, WINDOW_S)


def test_ten_seconds_make_the_tokens_of_vip_ant():
    assert grid_of(1000, 128, 32, (16, 24)) == (61, 5)
    assert PatchSpec().sizes(32) == (32, (16, 24))


def test_a_vit_b_32_hears_ten_seconds_as_305_patches_and_a_class(tmp_path):
    config = open_clip.get_model_config("ViT-B-32")
    torch.manual_seed(0)
    save_open_clip(open_clip.CLIP(**config), config, tmp_path)
    start = open_student(f"vit:local-dir:{tmp_path}", LogMelSpec(mel_bins=128))
    student = start.student(512).eval()
    with torch.inference_mode():
        tokens = student.tower._embeds(torch.zeros(1, 1, 1001, 128))
        assert tokens.shape == (1, 61 * 5 + 1, 768)
        assert student(torch.randn(1, 1, 1001, 128)).shape == (1, 512)


def test_a_grey_picture_gives_three_times_what_the_averaged_kernel_gives(visual):
    """The mean over colours, where the picture's own kernel sums them."""
    grey = torch.rand(2, 1, 32, 32)
    kernel = averaged_kernel(visual.conv1.weight, 16)
    heard = torch.nn.functional.conv2d(grey, kernel, stride=16)
    seen = visual.conv1(grey.expand(-1, 3, -1, -1))
    assert torch.allclose(3 * heard, seen, atol=1e-5)


def test_a_picture_of_three_times_the_shade_is_heard_as_it_is_seen(visual, teacher):
    """With patches and positions as in pictures it is the very same transformer."""
    start = open_image_tower(
        teacher,
        LogMelSpec(hop_samples=480, mel_bins=32),
        window_s=31 * 480 / 48_000,
        patches=PatchSpec(side=16, stride_frames=16, stride_bins=16),
    )
    student = start.student(32).eval()
    picture = torch.rand(2, 1, 32, 32)
    with torch.inference_mode():
        heard = student.projection(VisionTransformer.forward(student.tower, 3 * picture))
        seen = visual(picture.expand(-1, 3, -1, -1))
    assert torch.allclose(heard, seen, atol=1e-4)


def test_a_kernel_of_another_size_is_resized_between_its_corners():
    kernel = torch.ones(4, 3, 16, 16) * torch.tensor([1.0, 2.0, 6.0])[:, None, None]
    assert torch.allclose(averaged_kernel(kernel, 8), torch.full((4, 1, 8, 8), 3.0))


def literally_bilinear(values: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Half-pixel centres, edges repeated: as pictures are resized."""
    height, width, _ = values.shape
    found = np.zeros((rows, columns, values.shape[2]))
    for row in range(rows):
        for column in range(columns):
            y = min(max((row + 0.5) * height / rows - 0.5, 0), height - 1)
            x = min(max((column + 0.5) * width / columns - 0.5, 0), width - 1)
            top, left = int(y), int(x)
            for near_y, share_y in ((top, 1 - y + top), (min(top + 1, height - 1), y - top)):
                for near_x, share_x in ((left, 1 - x + left), (min(left + 1, width - 1), x - left)):
                    found[row, column] += share_y * share_x * values[near_y, near_x]
    return found


def test_positions_are_interpolated_bilinearly_and_the_class_keeps_its_own():
    positions = torch.randn(1 + 7 * 7, 8)
    laid = laid_on(positions, (7, 7), (61, 5))
    expected = literally_bilinear(positions[1:].reshape(7, 7, 8).numpy(), 61, 5)
    assert torch.equal(laid[0], positions[0])
    assert np.allclose(laid[1:].numpy(), expected.reshape(-1, 8), atol=1e-5)


def test_padding_is_the_darkest_there_is_and_loudness_says_nothing(start):
    dark, bright = (start.audio_config[name] for name in ("dark", "bright"))
    song = fill(20 * torch.rand(1, 1, 30, 64) - 40, 50)
    shades = greyscale(song, dark, bright)
    assert torch.allclose(shades[..., 30:, :], torch.tensor(dark), atol=1e-5)
    assert float(shades.max()) == pytest.approx(bright)
    assert torch.allclose(greyscale(song[..., :30, :] + 7, dark, bright), shades[..., :30, :])


def test_the_projection_begins_as_the_image_towers_last_layer(start, visual):
    student = start.student(32)
    assert torch.equal(student.projection.weight, visual.proj.T)
    assert not student.projection.bias.any()
    assert start.student(24).projection.weight.shape == (24, 32)


def test_a_window_of_another_length_is_heard_too(start):
    student = start.student(32).eval()
    with torch.inference_mode():
        assert student(torch.randn(2, 1, 200, 64)).shape == (2, 32)


def test_layers_are_counted_from_the_patches_up(start):
    tower = start.student(32).tower
    depths = tower.depths()
    assert depths["conv1.weight"] == depths["positional_embedding"] == 0
    assert depths["transformer.resblocks.0.attn.in_proj_weight"] == 1
    assert depths["ln_post.weight"] == 2
    assert set(depths) == {name for name, _ in tower.named_parameters()}


def test_recomputed_layers_give_the_same_gradient(start):
    student, log_mel = start.student(32).train(), torch.randn(2, 1, 126, 64)
    student(log_mel)[:, 0].sum().backward()
    expected = student.tower.conv1.weight.grad.clone()
    student.zero_grad()
    student.tower.recompute()
    student(log_mel)[:, 0].sum().backward()
    assert torch.allclose(student.tower.conv1.weight.grad, expected, atol=1e-6)


def test_the_exported_graph_is_the_same_encoder(start):
    from onnxruntime import InferenceSession

    torch.manual_seed(0)
    student, window = start.student(32).eval(), round(WINDOW_S * SPEC.sample_rate_hz)
    graph = to_onnx(SPEC, student, window)
    session = InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    noise = np.random.default_rng(0).normal(0, 0.1, (3, window)).astype(np.float32)
    with torch.inference_mode():
        expected = WaveformStudent(SPEC, student).eval()(torch.from_numpy(noise)).numpy()
    (found,) = session.run(None, {"waveform": noise})
    assert (found * expected).sum(axis=1).min() >= 0.9999


def test_a_tower_of_another_kind_is_refused_by_name(tmp_path):
    clip = dict(TINY.clip)
    clip["vision_cfg"] = {
        "image_size": 32,
        "timm_model_name": "resnet10t",
        "timm_model_pretrained": False,
        "timm_pool": "avg",
        "timm_proj": "linear",
    }
    torch.manual_seed(0)
    save_open_clip(open_clip.CLIP(**clip), clip, tmp_path)
    with pytest.raises(DatasetError, match=r"TimmModel, not a plain vision transformer of .*cnn:"):
        open_student(f"vit:local-dir:{tmp_path}")


def test_a_window_smaller_than_a_patch_is_refused(teacher):
    with pytest.raises(ConfigError, match="smaller than a patch, 16 x 16"):
        open_image_tower(teacher, SPEC, 0.1)
