"""More to imitate: mixtures of recordings, and a tower that learns from a network's hints alone."""

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch")
from edge.contract.errors import ConfigError, DatasetError  # noqa: E402
from train.config import PretrainConfig  # noqa: E402
from train.data.dataset import read_dataset  # noqa: E402
from train.model.frontend import LogMelSpec  # noqa: E402
from train.model.student import TOWER, TOWER_WEIGHTS, load_clap, open_student  # noqa: E402
from train.pretraining.audio_text import pretrain_student  # noqa: E402
from train.pretraining.feature_distillation import pretrain_backbone  # noqa: E402
from train.sound.hints import NoHint, load_hints  # noqa: E402
from train.sound.mixtures import Mixer, load_mixtures  # noqa: E402

RATE = 48_000
SPEC = LogMelSpec(hop_samples=576)


def tone(hz: float, seconds: float = 5.0) -> np.ndarray:
    moments = np.arange(round(seconds * RATE)) / RATE
    return (0.2 * np.sin(2 * np.pi * hz * moments)).astype(np.float16)


def test_mixtures_are_four_seconds_at_one_peak_and_repeatable():
    mixers = [Mixer([tone(2000), tone(5000, 0.5)], [tone(100)], RATE, seed=3) for _ in range(2)]
    drawn = [[mixer.draw() for _ in range(12)] for mixer in mixers]
    for one, again in zip(*drawn, strict=True):
        assert one.dtype == np.float32
        assert len(one) == 4 * RATE
        assert np.abs(one).max() == pytest.approx(0.5, rel=1e-3)
        assert np.array_equal(one, again)


def test_some_mixtures_are_background_alone():
    mixer = Mixer([tone(6000)], [tone(100)], RATE, seed=0, birdless=0.5)
    spectra = [np.abs(np.fft.rfft(mixer.draw())) for _ in range(40)]
    low = [one[: 4 * 200].max() > 20 * one[4 * 3000 : 4 * 9000].max() for one in spectra]
    assert 8 < sum(low) < 32
    without = Mixer([tone(6000)], [], RATE, seed=0, birdless=0.5)
    assert np.abs(np.fft.rfft(without.draw())).argmax() > 4 * 3000


@pytest.mark.parametrize("birdless", [0.0, 1.0], ids=["birds", "background alone"])
def test_sounds_are_paired_and_played_at_other_speeds(birdless):
    sounds, silence = [tone(2000), tone(6000)], [np.zeros(5 * RATE, np.float16)]
    birds, background = (silence, sounds) if birdless else (sounds, [])
    mixer = Mixer(birds, background, RATE, seed=0, birdless=birdless)
    peaks = set()
    paired = 0
    for _ in range(30):
        spectrum = np.abs(np.fft.rfft(mixer.draw()))
        strong = np.flatnonzero(spectrum > 0.05 * spectrum.max()) / 4
        paired += strong.max() > 1.5 * strong.min()
        peaks.add(round(spectrum.argmax() / 4, -2))
    assert 5 < paired < 25
    assert len(peaks) > 4


def test_without_a_hint_nothing_is_added_to_the_loss():
    assert NoHint()(torch.ones(2, 3), torch.arange(2), torch.zeros(2)).item() == 0


EAR, DIM = "birdnet-stm32n6", 256


class Ear:
    """Stands for the hint's network: hears how loud each chunk is."""

    embedded = 0

    def __init__(self, recipe, file):
        self.window_s = recipe.window_s

    def embed(self, waveform, rate_hz, step_s):
        Ear.embedded += 1
        window, step = round(self.window_s * rate_hz), round(step_s * rate_hz)
        starts = range(0, max(len(waveform) - window, 0) + 1, step)
        loud = [np.abs(waveform[start : start + window]).mean() for start in starts]
        return np.repeat(np.array(loud, np.float16)[:, None], DIM, axis=1)


@pytest.fixture
def ear(monkeypatch):
    monkeypatch.setattr("train.sound.mixtures.EarNetwork", Ear)
    monkeypatch.setattr("train.sound.hints.EarNetwork", Ear)


def test_mixtures_are_heard_once_and_kept(world, ear, tmp_path):
    items = [item for item in read_dataset(world.data).items if item.kind == "audio"][:4]
    found = load_mixtures(items, 3, SPEC, EAR, tmp_path, seed=0)
    embedded = Ear.embedded
    again = load_mixtures(items, 3, SPEC, EAR, tmp_path, seed=0)
    assert Ear.embedded == embedded
    assert found.log_mels.shape == (3, SPEC.frames(4 * RATE), 64)
    assert found.hints.shape == (3, 3, DIM)
    assert torch.equal(found.hints, again.hints)
    other = load_mixtures(items, 3, SPEC, EAR, tmp_path, seed=1)
    assert not torch.equal(found.hints, other.hints)


def test_another_ear_gets_mixtures_and_hints_of_its_own(world, ear, tmp_path):
    items = [item for item in read_dataset(world.data).items if item.kind == "audio"][:2]
    small = load_mixtures(items, 2, SPEC, EAR, tmp_path, seed=0)
    perch = load_mixtures(items, 2, SPEC, "perch", tmp_path, seed=0)
    assert small.log_mels.shape[1] == SPEC.frames(4 * RATE)
    assert perch.log_mels.shape[1] == SPEC.frames(6 * RATE)
    assert small.hints.shape == perch.hints.shape == (2, 3, DIM)
    embedded = Ear.embedded
    for hint in (EAR, "perch", EAR):
        assert len(load_hints(items, hint, tmp_path)) == 2
    assert Ear.embedded == embedded + 4


def test_mixtures_are_made_again_when_a_recording_has_changed(world, ear, tmp_path):
    first = next(item for item in read_dataset(world.data).items if item.kind == "audio")
    item = replace(first, path=tmp_path / "song.wav")
    found = []
    for hz in (2000, 7000):
        soundfile.write(item.path, tone(hz).astype(np.float32), RATE)
        found.append(load_mixtures([item], 2, SPEC, EAR, tmp_path, seed=0).log_mels)
    assert not torch.equal(*found)


def config(world, **changes) -> PretrainConfig:
    small = PretrainConfig(
        data=str(world.data),
        hint=EAR,
        cnn="mobilenetv3_small_050",
        mixtures=8,
        audio_steps=3,
        audio_batch=4,
        window_s=3.0,
        frame_hop_samples=576,
        device="cpu",
    )
    return replace(small, **changes)


def test_an_imitator_is_a_start_that_can_be_gone_on_with(world, ear, tmp_path):
    dataset = read_dataset(world.data)
    folder = pretrain_backbone(config(world), dataset, tmp_path, tmp_path / "cache")
    start = open_student(str(folder), 480)
    assert start.spec == SPEC
    assert start.student(32).hidden == DIM
    losses = (tmp_path / "imitate.jsonl").read_text().splitlines()
    assert len(losses) == 3
    assert set(json.loads((folder / "heard.json").read_text())) == set(dataset.taxonomy.ids)
    on = config(world, init=str(folder), audio_learning_rate=1e-12)
    (tmp_path / "on").mkdir()
    again = open_student(
        str(pretrain_backbone(on, dataset, tmp_path / "on", tmp_path / "cache")), 480
    )
    weights = [weight for weight in start.weights if weight.endswith("weight")]
    assert all(torch.allclose(start.weights[n], again.weights[n], atol=1e-6) for n in weights)


def test_a_clap_imitates_too_and_begins_anew_with_that_tower(world, ear, tmp_path):
    dataset = read_dataset(world.data)
    settings = config(world, init=world.student, window_s=2.5)
    folder = pretrain_backbone(settings, dataset, tmp_path, tmp_path / "cache")
    learned = open_student(str(folder), 480).weights
    still = replace(settings, hint="", audio_tower=str(folder), audio_learning_rate=1e-9)
    clap, _ = load_clap(str(pretrain_student(still, dataset, tmp_path, tmp_path / "cache")))
    own, begun = load_clap(world.student)[0].audio_model.state_dict(), clap.audio_model.state_dict()
    weights = [name for name, one in own.items() if name.endswith("weight") and one.ndim > 1]
    assert all(torch.allclose(begun[name], learned[name], atol=1e-6) for name in weights)
    assert not all(torch.allclose(begun[name], own[name], atol=1e-6) for name in weights)


def test_a_clap_does_not_begin_with_a_tower_of_another_shape(world, ear, tmp_path):
    dataset = read_dataset(world.data)
    folder = pretrain_backbone(config(world), dataset, tmp_path, tmp_path / "cache")
    settings = config(world, init=world.student, audio_tower=str(folder))
    with pytest.raises(ConfigError, match="another shape"):
        pretrain_student(settings, dataset, tmp_path, tmp_path / "cache")


def test_an_imitator_needs_something_to_imitate(world, tmp_path):
    with pytest.raises(ConfigError, match="hint=FOLDER"):
        pretrain_backbone(config(world, hint=""), read_dataset(world.data), tmp_path, tmp_path)


@pytest.mark.parametrize("damage", [TOWER, TOWER_WEIGHTS])
def test_a_damaged_tower_is_named(world, ear, tmp_path, damage):
    folder = pretrain_backbone(config(world), read_dataset(world.data), tmp_path, tmp_path)
    content = (folder / damage).read_bytes()
    (folder / damage).write_bytes(content[: len(content) // 2])
    with pytest.raises(DatasetError, match="damaged tower"):
        open_student(str(folder), 480)
