"""The acoustic hint: what the network is fed, and which of its embeddings a window gets."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from edge.contract.errors import ConfigError, DatasetError  # noqa: E402
from gallery.data.dataset import read_dataset  # noqa: E402
from tests.support import ROOT  # noqa: E402
from train.ears.network import EarNetwork, spectrogram  # noqa: E402
from train.ears.recipe import Spectrogram, locate  # noqa: E402
from train.model.frontend import InputSpec, LogMelSpec  # noqa: E402
from train.sound.hint_loss import HintLoss  # noqa: E402
from train.sound.hints import STEP_S, Hints, load_hints  # noqa: E402

NETWORK = ROOT.parent / "shared" / "birds" / "models" / "birdnet_stm32n6_100"
SPEC = LogMelSpec(hop_samples=480)  # 100 frames a second: a hint every 50 frames
INPUT_SPEC = InputSpec(SPEC, 3 * 48_000)
FED = Spectrogram(fft_samples=512, hop_samples=258, frames=256)
DIM, HEARD_S = 256, 3.0


def test_the_spectrogram_peaks_at_the_tones_bin():
    tone = 2000
    time = np.arange(3 * 22_050) / 22_050
    found = spectrogram(np.sin(2 * np.pi * tone * time).astype(np.float32), FED)
    assert found.shape == (257, 256)
    assert found.dtype == np.float32
    assert (found.min(), found.max()) == (0, 1)
    assert (found[:, 10:-10].argmax(axis=0) == round(tone * 512 / 22_050)).all()


def test_silence_is_no_division_by_zero():
    assert (spectrogram(np.zeros(3 * 22_050, np.float32), FED) == 0).all()


def hint_loss(features: int = DIM) -> HintLoss:
    random = np.random.default_rng(0)
    hints = [torch.from_numpy(random.random((n, DIM)).astype(np.float16)) for n in (1, 5)]
    return HintLoss(hints, 0, features, INPUT_SPEC, HEARD_S)


def perfect(loss: HintLoss, recording: int, row: int) -> torch.Tensor:
    """The features that are one hint."""
    return ((loss.rows[(0, 1)[recording] + row].float() - loss.mean) / loss.deviation)[None]


@pytest.mark.parametrize(
    ("recording", "start", "row"), [(1, 0, 0), (1, 24, 0), (1, 26, 1), (1, 200, 4), (1, 999, 4)]
)
def test_a_window_gets_the_hint_nearest_to_its_start(recording, start, row):
    loss = hint_loss()
    features = perfect(loss, recording, row)
    of, other = torch.tensor([recording]), torch.tensor([(row + 2) % 5 * 50])
    assert loss(features, of, torch.tensor([start])).item() == pytest.approx(0, abs=1e-6)
    assert loss(features, of, other).item() > 0.1


def test_a_longer_window_gets_the_mean_of_its_parts():
    random = np.random.default_rng(0)
    hints = [torch.from_numpy(random.random((9, DIM)).astype(np.float16))]
    loss = HintLoss(hints, 0, DIM, InputSpec(SPEC, 5 * 48_000), HEARD_S)
    for start, rows in ((0, slice(0, 5)), (100, slice(2, 7)), (300, [6, 7, 8, 8, 8])):
        mean = (hints[0][rows].float().mean(dim=0) - loss.mean) / loss.deviation
        value = loss(mean[None], torch.tensor([0]), torch.tensor([start])).item()
        assert value == pytest.approx(0, abs=1e-6)


def test_a_constant_guess_costs_about_one():
    random = np.random.default_rng(1)
    hints = [torch.from_numpy(random.normal(0, 3, (400, DIM)).astype(np.float16))]
    loss = HintLoss(hints, 0, 4, INPUT_SPEC, HEARD_S)
    with torch.no_grad():
        loss.head.weight.zero_()
        loss.head.bias.zero_()
    starts, of = 50 * torch.arange(400), torch.zeros(400, dtype=torch.long)
    assert loss(torch.zeros(400, 4), of, starts).item() == pytest.approx(1, abs=0.1)


def test_a_folder_without_the_network_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"holds none of .*birdnet"):
        Hints(str(tmp_path))


def test_an_ear_that_was_not_brought_names_the_command(world, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    items = [item for item in read_dataset(world.data).items if item.kind == "audio"][:1]
    with pytest.raises(DatasetError, match=r"\./scripts/ear birdnet-v2.4"):
        load_hints(items, Hints("birdnet"), tmp_path)
    with pytest.raises(ConfigError, match="did you mean 'birdnet'"):
        Hints("birdnat")


def test_a_wider_hint_is_mapped_to():
    hints = [torch.ones(4, 1024, dtype=torch.float16)]
    loss = HintLoss(hints, 0, 256, INPUT_SPEC, HEARD_S)
    assert loss.head(torch.zeros(2, 256)).shape == (2, 1024)


def test_the_real_network_embeds_every_half_second_once(world, tmp_path):
    if not NETWORK.is_dir():
        pytest.skip("the network is not here")
    pytest.importorskip("ai_edge_litert")
    network = EarNetwork(*locate(str(NETWORK)))
    seconds = np.random.default_rng(0).normal(0, 0.1, 5 * 22_050).astype(np.float32)
    rows, logits = network.outputs(seconds, 22_050, STEP_S)
    assert rows.shape == (5, DIM)
    assert np.abs(rows).max() > 0.1
    assert not np.allclose(rows[0], rows[4])
    assert len(logits) == 5
    items = [item for item in read_dataset(world.data).items if item.kind == "audio"][:3]
    first = load_hints(items, Hints(str(NETWORK)), tmp_path)
    again = load_hints(items, Hints("birdnet-stm32n6"), tmp_path)  # no network is needed now
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
