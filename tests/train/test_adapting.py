"""Adapting a tower: which layers learn and how fast, what they keep in memory, what is saved."""

import sys

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from transformers import ClapAudioConfig  # noqa: E402

from edge.contract.errors import ConfigError, MissingPackageError  # noqa: E402
from train.config import DistillConfig  # noqa: E402
from train.distillation.beginning import begin_student  # noqa: E402
from train.distillation.grad_cache import cached, in_parts  # noqa: E402
from train.distillation.losses import info_nce  # noqa: E402
from train.distillation.needs import count_saved_bytes  # noqa: E402
from train.model.frontend import LogMelSpec  # noqa: E402
from train.model.lora import merge  # noqa: E402
from train.model.opening import open_student  # noqa: E402
from train.model.start import LabelLayer, StudentInit  # noqa: E402

CLAP = ClapAudioConfig(
    spec_size=32, num_mel_bins=16, window_size=4, depths=[2, 2], num_attention_heads=[2, 2],
    patch_embeds_hidden_size=8, hidden_size=16, attention_probs_dropout_prob=0.0,
    hidden_dropout_prob=0.0,
)  # fmt: skip
WINDOWS = torch.randn(6, 1, 64, 16, generator=torch.Generator().manual_seed(0)) * 10 - 40


class Applied(nn.Module):
    """A function as a module."""

    def __init__(self, function) -> None:
        super().__init__()
        self.forward = function


def student(**settings):
    """Of the same small CLAP each time, with a projection to four dimensions."""
    torch.manual_seed(0)
    weights = StudentInit(CLAP.to_dict(), LogMelSpec(mel_bins=16)).student(4).tower.state_dict()
    init = StudentInit(CLAP.to_dict(), LogMelSpec(mel_bins=16), weights)
    torch.manual_seed(1)
    return begin_student(DistillConfig(**settings), init, ["a"], torch.zeros(1, 4)).train()


def gradients(model: nn.Module, value: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    value.backward()
    return {name: own.grad for name, own in model.named_parameters() if own.grad is not None}


def step(model: nn.Module, rate: float = 0.1) -> None:
    gradients(model, model(WINDOWS).square()[:, 0].sum())
    with torch.no_grad():
        for own in model.parameters():
            if own.grad is not None:
                own -= rate * own.grad


def test_layers_are_counted_from_the_patches_to_the_blocks():
    depths = student().tower.depths()
    named = {depth: [n for n, found in depths.items() if found == depth] for depth in range(6)}
    assert all("patch_embed" in name or "batch_norm" in name for name in named[0])
    assert all("layers.0.blocks.0" in name for name in named[1])
    assert any("layers.0.downsample" in name for name in named[2])
    assert all("layers.1.blocks.1" in name for name in named[4])
    assert named[5] == ["audio_encoder.norm.weight", "audio_encoder.norm.bias"]


def test_the_lowest_layers_rest_and_the_others_learn():
    model = student(freeze_layers=2)
    found = gradients(model, model(WINDOWS)[:, 0].sum())
    depths = model.tower.depths()
    learned = {depths[name.removeprefix("tower.")] for name in found if name.startswith("tower.")}
    assert learned == {2, 3, 4, 5}
    with pytest.raises(ConfigError, match="freeze_layers: 9 are more than the tower's 5 layers"):
        student(freeze_layers=9)


def test_what_projects_by_names_is_adapted_as_any_other():
    layer = LabelLayer(("a",), torch.ones(1, 16), torch.zeros(1))
    start = StudentInit(CLAP.to_dict(), LogMelSpec(mel_bins=16), classifier=layer)
    config = DistillConfig(projection_names=True, freeze_tower=True)
    model = begin_student(config, start, ["a"], torch.ones(1, 4))
    assert model.projection_names == 1
    assert not any(own.requires_grad for own in model.tower.parameters())


def test_a_frozen_cnn_keeps_its_statistics():
    start = open_student("cnn:mobilenetv3_small_050", LogMelSpec())
    config = DistillConfig(freeze_layers=3)
    model = begin_student(config, start, ["a"], torch.zeros(1, 4)).train().eval().train()
    depths = model.tower.depths()
    norms = {name: part for name, part in model.tower.named_modules() if hasattr(part, "momentum")}
    rests = {name: depths[f"{name}.weight"] < 3 for name in norms}
    assert {name: not part.training for name, part in norms.items()} == rests
    assert len(set(rests.values())) == 2


def test_each_layer_has_a_share_of_the_rate_of_the_one_above():
    model = student()
    rates = model.rates(0.5)
    tower = dict(model.tower.named_parameters())
    assert rates[tower["audio_encoder.norm.weight"]] == 0.5
    assert rates[tower["audio_encoder.patch_embed.proj.weight"]] == 0.5**6
    assert model.projection.weight not in rates
    assert model.rates(1.0) == {}


@pytest.mark.parametrize("name", ["clap", "cnn"])
def test_recomputed_layers_give_the_same_gradient_and_keep_less(name):
    def begun(wanted: bool):
        if name == "clap":
            return student(gradient_checkpointing=wanted)
        torch.manual_seed(0)
        start, config = (
            open_student("cnn:mobilenetv3_small_050", LogMelSpec()),
            DistillConfig(gradient_checkpointing=wanted),
        )
        return begin_student(config, start, ["a"], torch.zeros(1, 4)).train()

    plain, saving = begun(False), begun(True)
    expected, found = (gradients(one, one(WINDOWS)[:, 0].sum()) for one in (plain, saving))
    assert expected.keys() == found.keys()
    assert all(torch.allclose(expected[n], found[n], atol=1e-5) for n in expected)
    assert count_saved_bytes(saving, WINDOWS) < 0.6 * count_saved_bytes(plain, WINDOWS)


@pytest.mark.parametrize("at_once", [1, 4])
def test_cached_batches_have_the_gradient_of_the_whole_batch(at_once):
    anchors = nn.functional.normalize(torch.randn(6, 4), dim=1)

    def found(windows_at_once: int) -> dict[str, torch.Tensor]:
        model = student()
        embedded = model.project(cached(model.features, WINDOWS, windows_at_once))
        return gradients(model, info_nce(embedded, anchors, torch.arange(6), torch.tensor(10.0)))

    whole, parts = found(0), found(at_once)
    assert whole.keys() == parts.keys()
    assert max((whole[name] - parts[name]).abs().max() for name in whole) < 1e-5


def test_a_cached_batch_is_never_held_whole():
    model, heard = student(), []

    def features(windows: torch.Tensor) -> torch.Tensor:
        heard.append(len(windows))
        return model.features(windows)

    cached(features, WINDOWS, 4).sum().backward()
    assert sorted(heard) == [2, 2, 4, 4]
    assert torch.allclose(in_parts(model, WINDOWS, 4), model(WINDOWS), atol=1e-6)
    inputs = WINDOWS.nbytes
    kept = count_saved_bytes(Applied(lambda windows: cached(model.features, windows, 1)), WINDOWS)
    assert kept <= 2 * inputs


def test_an_adapted_tower_learns_by_its_updates_alone_and_is_saved_plain():
    pytest.importorskip("peft")
    plain, model = student(), student(lora_rank=2)
    names = plain.tower.state_dict()
    with torch.no_grad():
        assert torch.allclose(model(WINDOWS), plain(WINDOWS), atol=1e-6)  # B begins as zeros
    learned = {name for name, own in model.tower.named_parameters() if own.requires_grad}
    assert learned
    assert all("lora_" in name for name in learned)
    step(model)
    step(model)
    model.eval()
    with torch.no_grad():
        before = model(WINDOWS)
        merge(model.tower)
        after = model(WINDOWS)
    found = model.tower.state_dict()
    assert found.keys() == names.keys()
    assert torch.allclose(after, before, atol=1e-5)
    assert not torch.allclose(after, plain.eval()(WINDOWS), atol=1e-4)
    changed = {name for name in names if not torch.equal(found[name], names[name])}
    assert changed
    assert all(names[name].ndim == 2 for name in changed)


def test_a_merged_update_is_the_product_of_its_factors():
    """W + alpha / rank B A."""
    pytest.importorskip("peft")
    model = student(lora_rank=2, lora_alpha=6.0)
    step(model)
    layer = model.tower.get_submodule("audio_encoder.layers.0.blocks.0.intermediate.dense")
    first, other = (part["default"].weight.detach() for part in (layer.lora_A, layer.lora_B))
    expected = layer.get_base_layer().weight.detach() + 6.0 / 2 * other @ first
    merge(model.tower)
    plain = model.tower.get_submodule("audio_encoder.layers.0.blocks.0.intermediate.dense")
    assert torch.allclose(plain.weight, expected, atol=1e-6)
    assert other.abs().max() > 0


def test_what_cant_be_adapted_is_refused(monkeypatch):
    start = open_student("cnn:mobilenetv3_small_050", LogMelSpec())
    with pytest.raises(ConfigError, match="lora_rank: adapts a CLAP's tower; a CNN learns whole"):
        begin_student(DistillConfig(lora_rank=2), start, ["a"], torch.zeros(1, 4))
    with pytest.raises(ConfigError, match="freeze_tower: leaves nothing in the tower to learn"):
        DistillConfig(lora_rank=2, freeze_tower=True)
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'birdlisten\[lora\]'"):
        student(lora_rank=2)
