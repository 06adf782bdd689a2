"""All settings of the workshop: listed by `--help`, and each does what it says."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from edge.contract.errors import ConfigError  # noqa: E402
from edge.contract.taxonomy import Species  # noqa: E402
from gallery.data.dataset import Item  # noqa: E402
from train import distill, pretrain  # noqa: E402
from train.config import DistillConfig, PretrainConfig  # noqa: E402
from train.config.agreement import AgreementConfig  # noqa: E402
from train.config.joint import JointConfig  # noqa: E402
from train.config.listing import documented, listing  # noqa: E402
from train.config.localisation import LocaliseConfig  # noqa: E402
from train.config.pivot import PivotConfig  # noqa: E402
from train.distillation.targets import make_targets  # noqa: E402
from train.sound.training_set import TrainingSet  # noqa: E402

CPU = torch.device("cpu")
NOTHING = {"gain_db": 0.0, "mix": 0.0, "background_prob": 0.0, "mask": 0.0}


@pytest.mark.parametrize(
    "kind",
    [DistillConfig, PretrainConfig, JointConfig, LocaliseConfig, AgreementConfig, PivotConfig],
)
def test_every_setting_says_in_a_line_what_it_does(kind):
    told = documented(kind)
    assert [field.name for field in fields(kind) if len(told.get(field.name, "")) < 8] == []
    lines = listing(kind).splitlines()[1:]
    assert [line.split("=")[0].strip() for line in lines] == [field.name for field in fields(kind)]
    assert max(map(len, lines)) <= 170


@pytest.mark.parametrize(
    ("main", "told"),
    [
        (distill.main, ["  learning_rate=0.002 ", " Of AdamW at the end", "  bfloat16=true "]),
        (pretrain.main, ["  audio_steps=460 ", "  cnn=mobilenetv3_small_100 ", "  held_out= "]),
    ],
)
def test_help_lists_settings_with_their_defaults(main, told, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    page = capsys.readouterr().out
    assert [words for words in told if words not in page] == []


def recordings(*species_ids: str) -> tuple[Item, ...]:
    """One of each species."""
    return tuple(Item(Path(name), "audio", name, "train", "CC0", "nobody") for name in species_ids)


def windows(log_mel: torch.Tensor, **settings: float) -> torch.Tensor:
    """A batch of eight, float32[8, 20, mel_bins], of two recordings that are alike."""
    names = ("parus_major", "strix_aluco")
    species = tuple(Species(name, *"SCKPcofge") for name in names)
    items, log_mels = recordings(*names), (log_mel, log_mel)
    sounds = TrainingSet(species, items, log_mels, (0, 1), background=())
    return sounds.sampler(20, DistillConfig(**settings), CPU).batch(8).log_mel[:, 0]


def test_what_is_mixed_in_has_the_level_that_is_set():
    level = torch.full((40, 8), -30.0)
    assert torch.equal(windows(level, **NOTHING), level.expand(8, 40, 8)[:, :20])
    mixed = windows(level, **{**NOTHING, "mix": 1.0, "mix_db": -10.0, "least_db": -10.0})
    assert mixed.numpy() == pytest.approx(-30 + 10 * np.log10(1.1), abs=1e-3)
    shifted = windows(level, **{**NOTHING, "gain_db": 3.0})
    assert 1 < (shifted + 30).abs().max() <= 3


def test_masked_bands_are_as_wide_as_is_set():
    random = torch.Generator().manual_seed(0)
    lively = torch.rand(40, 8, generator=random) - 30
    found = windows(lively, **{**NOTHING, "mask": 1.0, "mask_frames": 1, "mask_bins": 1})
    masked = (found == found.amin(dim=(1, 2), keepdim=True)).sum(dim=(1, 2))
    assert set(masked.tolist()) <= {20 + 8 - 1, 20 + 8}  # the lowest point may lie outside of both


def test_a_window_of_several_species_tells_all_of_them_and_what_was_mixed_in():
    species = tuple(Species(name, *"SCKPcofge") for name in ("a", "b", "c"))
    log_mels = tuple(torch.full((40, 8), level) for level in (-20.0, -30.0, -40.0))
    items, also = recordings("a", "b", "c"), ((2,), (), ())
    sounds = TrainingSet(species, items, log_mels, (0, 1, 2), background=(), also=also)
    config = DistillConfig(loss="multi_label", **{**NOTHING, "mix": 0.5})
    batch = sounds.sampler(20, config, CPU).batch(30)
    shares = make_targets(config, sounds)(batch)
    assert torch.allclose(shares.sum(dim=1), torch.ones(30))
    heard = ({0, 2}, {1}, {2})
    for row, recording, mixed in zip(shares, batch.recordings, batch.mixed, strict=True):
        there = heard[recording] | (heard[mixed] if mixed >= 0 else set())
        assert set(row.nonzero()[:, 0].tolist()) == there
    assert 0 < (batch.mixed >= 0).sum() < 30
    alone = make_targets(DistillConfig(), sounds)(batch)
    assert torch.equal(alone, batch.labels)


def test_levels_that_cant_be_are_refused():
    with pytest.raises(ConfigError, match=r"mix_db: -30\.0 lies below least_db=-20\.0"):
        DistillConfig(mix_db=-30.0)
    with pytest.raises(ConfigError, match="mask_frames"):
        DistillConfig(mask_frames=0)
