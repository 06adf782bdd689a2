"""A student that begins with the layers of a ready network, and with fewer of its channels."""

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from edge.contract.errors import ConfigError, DatasetError  # noqa: E402
from export.ear.inheritance import Inheritance, Layout, View  # noqa: E402
from export.ear.pruning import fitted, narrow, prune  # noqa: E402
from export.ear.tower import fit_tower, inherit  # noqa: E402
from train.ears.recipe import find_recipe  # noqa: E402
from train.model.frontend import LogMelSpec  # noqa: E402
from train.model.inherited import BlockSize, InheritedTower, InvertedResidual  # noqa: E402

RATE_HZ, LABELS = 8000, 5
LAYOUT = Layout(
    spec=LogMelSpec(RATE_HZ, fft_samples=128, hop_samples=80, mel_bins=32, max_hz=4000),
    views=(View(128, 40), View(128, 40)),
    bins=32,
    stem=4,
    blocks=(
        BlockSize(6, 12, 0, stride=2),
        BlockSize(6, 12, 0),
        BlockSize(8, 16, 4, stride=2),
        BlockSize(8, 16, 4),
    ),
    hidden=10,
)


class Network(nn.Module):
    """A small network laid out as BirdNET v2.4 is: bins before frames, in kernels and maps."""

    def __init__(self) -> None:
        super().__init__()
        self.bands = nn.ModuleList(nn.Conv1d(1, 32, 128, 40, bias=False) for _ in range(2))
        self.scale = nn.Parameter(torch.rand(1, 2, 1, 1) + 0.5)
        self.offset = nn.Parameter(torch.randn(1, 2, 1, 1))
        self.stem = nn.Conv2d(2, 4, (4, 8), 2, padding=(1, 3))
        self.tower = InheritedTower(LAYOUT.config(LAYOUT.blocks))
        self.gain = nn.Parameter(torch.rand(1, 8, 1, 1) + 0.5)
        self.shift = nn.Parameter(torch.randn(1, 8, 1, 1))
        self.weight = nn.Parameter(torch.randn(10, LABELS))
        self.bias = nn.Parameter(torch.randn(LABELS))

    def forward(self, waveform):
        heard = [band(waveform[:, None]).square() for band in self.bands]
        views = torch.stack(heard, dim=1) * self.scale + self.offset
        seen = functional.relu(self.stem(views))
        pools = functional.max_pool2d(seen, (1, 2)), functional.avg_pool2d(seen, (1, 2))
        found = self.tower.blocks(self.tower.pooled(torch.cat(pools, dim=1)))
        found = functional.relu(self.tower.last(functional.relu(found * self.gain + self.shift)))
        return found.mean(dim=(2, 3)) @ self.weight + self.bias


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Network().eval()


@pytest.fixture(scope="module")
def graph(network, tmp_path_factory):
    import onnx

    file = tmp_path_factory.mktemp("network") / "network.onnx"
    with warnings.catch_warnings():
        # The older exporter leaves the layers as they are; it is the one that says it is older.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network, (torch.zeros(1, RATE_HZ),), file, input_names=["waveform"], dynamo=False
        )
    return onnx.load(file)


@pytest.fixture
def windows():
    draw = np.random.default_rng(0)
    return [draw.normal(size=RATE_HZ).astype(np.float32) for _ in range(12)]


def test_the_tower_above_the_stem_is_the_networks_own(network, graph, windows):
    inheritance = Inheritance(graph, LAYOUT)
    heard = inheritance.hear(windows)
    weight, bias = inheritance.classifier()
    with torch.inference_mode():
        below = heard.pooled
        for block, activation in zip(inheritance.tower.each_block(), heard.blocks, strict=True):
            below = block(below)
            assert torch.allclose(below, activation, atol=1e-4)
        logits = inheritance.tower.above_stem(heard.pooled) @ weight.T + bias
        expected = network(torch.from_numpy(np.stack(windows)))
    assert torch.allclose(logits, expected, atol=1e-4)


def test_two_frames_of_the_networks_are_one_of_the_stems(network, graph):
    own = Inheritance(graph, LAYOUT).tower
    views = torch.randn(1, 2, 21, 32)
    twice = views.repeat_interleave(2, dim=2)[:, :, 1:].transpose(2, 3)
    with torch.inference_mode():
        found = own.stem(functional.pad(views, (0, 0, 0, 1)))
        expected = network.stem(twice).transpose(2, 3)
    # Theirs begins a frame of ours earlier; at the ends it hears zeros.
    assert torch.allclose(found[:, :, 1:17], expected[:, :, 2:18], atol=1e-4)


def test_a_network_of_another_layout_is_refused(graph):
    with pytest.raises(DatasetError, match="not laid out as expected"):
        Inheritance(graph, LAYOUT._replace(blocks=LAYOUT.blocks[:-1]))


def test_half_of_the_channels_fit_the_whole_better_than_they_are(graph, windows):
    inheritance = Inheritance(graph, LAYOUT)
    heard = inheritance.hear(windows)
    cut = Inheritance(graph, LAYOUT).tower
    with torch.no_grad():
        below = heard.pooled
        for block, activation in zip(cut.each_block(), heard.blocks, strict=True):
            narrow(block, below, 0.5)
            below = activation
        prune(inheritance.tower, heard.pooled, heard.blocks, 0.5)
    own = [block.size for block in inheritance.tower.each_block()]
    assert [size.wide for size in own] == [6, 6, 8, 8]
    with torch.inference_mode():
        errors = [
            float((tower.blocks(heard.pooled) - heard.blocks[-1]).square().mean())
            for tower in (inheritance.tower, cut)
        ]
    assert errors[0] < errors[1] / 2


def test_a_fitted_tower_hears_our_front_end_as_its_config_says(graph, windows):
    inheritance = Inheritance(graph, LAYOUT)
    heard = inheritance.hear(windows)
    tower = fit_tower(inheritance.tower, heard, LAYOUT, share=0.5)
    again = InheritedTower(LAYOUT.config(block.size for block in tower.each_block()))
    again.load_state_dict(tower.state_dict())
    with torch.inference_mode():
        assert torch.allclose(again(heard.log_mel), tower(heard.log_mel), atol=1e-5)
        views = tower.views(heard.log_mel)
    assert views.shape[:2] == heard.views.shape[:2]


def test_channels_that_give_nothing_are_the_ones_left_out():
    torch.manual_seed(1)
    block, below = InvertedResidual(6, BlockSize(6, 12, 4)), torch.randn(8, 6, 10, 10)
    with torch.no_grad():
        block.project.weight[:, ::2] = 0
        block.excite.squeeze.weight[:, ::2] = 0
        whole = block(below)
        narrow(block, below, 0.5)
        assert torch.allclose(block(below), whole, atol=1e-4)


def test_a_fit_finds_what_is_so_and_keeps_what_nothing_is_said_about():
    torch.manual_seed(2)
    below, weights = torch.randn(200, 3), torch.randn(3, 2)
    below[:, 2] = 0
    before = torch.full((3, 2), 7.0)
    found, bias = fitted(below, below @ weights + 4, before, prior=1e-6)
    assert torch.allclose(found[:2], weights[:2], atol=1e-3)
    assert torch.allclose(found[2], before[2])
    assert torch.allclose(bias, torch.full((2,), 4.0), atol=1e-3)


@pytest.mark.parametrize("share", [0.0, -0.5, 1.5])
def test_a_share_that_is_none_is_refused_before_anything_is_read(share, tmp_path):
    with pytest.raises(ConfigError, match="at most 1"):
        inherit(find_recipe("birdnet"), tmp_path / "no-network", dataset=None, share=share)
