"""The sounds that no bird makes, and the voices."""

import ast
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
from edge.contract.errors import ConfigError, MissingPackageError
from edge.contract.tables import read_table
from gallery.data.dataset import read_dataset
from train.aviary.chance import generator
from train.noise import build, calibration, creatures, modelled, shaped, things
from train.noise.build import BackgroundConfig, backgrounds, main, makers
from train.noise.speech import VOICES, available, speech

MAKERS = [*calibration.KINDS.items(), *modelled.KINDS.items()]
spoken = pytest.mark.skipif(not available(), reason="espeak-ng is not installed")


@pytest.mark.parametrize(("kind", "make"), MAKERS, ids=[name for name, _ in MAKERS])
def test_every_class_makes_as_many_samples_as_asked_and_the_same_again(kind, make):
    first, again, other = (make(96_000, generator(seed, kind)) for seed in (0, 0, 1))
    assert first.shape == (96_000,)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert first.std() > 1e-4
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_two_generators_share_no_code_and_no_voice():
    def imported(module):
        nodes = ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8")))
        found = [node for node in nodes if isinstance(node, ast.ImportFrom)]
        names = {(one.module, name.name) for one in found for name in one.names}
        return {name for name in names if name[0].startswith("train")}

    own = set().union(*map(imported, (calibration, shaped, creatures, things)))
    shared = own & imported(modelled)
    assert {name for _, name in shared} == {"RATE_HZ", "Waveform"}
    assert not set(VOICES["calibration"]) & set(VOICES["test"])


def test_recordings_are_mixed_and_neither_silent_nor_clipped():
    made = list(backgrounds(BackgroundConfig("test", hours=0.02, seed=3, length_s=3)))
    assert len(made) == 24
    assert {len(one.kinds) for one in made} == {1, 2}
    assert {one.kinds[0] for one in made} == set(makers("test"))
    for one in made:
        assert one.waveform.shape == (3 * 48_000,)
        assert 0.02 < np.abs(one.waveform).max() < 1


@spoken
def test_speech_has_a_voices_rhythm():
    wave = speech(48_000 * 8, VOICES["test"], generator(0, "speech"))
    frames = np.square(wave.reshape(-1, 480)).mean(axis=1)
    assert np.quantile(frames, 0.95) > 100 * np.quantile(frames, 0.05)
    spectrum = np.abs(np.fft.rfft(wave))
    assert spectrum[: 8 * 4000].sum() > 0.8 * spectrum.sum()


def test_without_espeak_there_is_no_speech_and_it_is_said(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("train.noise.speech.PROGRAM", "no-such-program")
    assert "speech" not in makers("test")
    with pytest.raises(MissingPackageError, match="apt install"):
        speech(48_000, VOICES["test"], generator(0))
    monkeypatch.setattr(build, "backgrounds", lambda config: iter(()))
    assert main(["--output", str(tmp_path / "x"), "--hours", "0.05"]) == 0
    assert "no speech" in capsys.readouterr().err


def test_some_classes_are_kept_from_training_and_calibration(tmp_path):
    assert calibration.UNHEARD < set(calibration.KINDS)
    rows = read_table(build.build(BackgroundConfig(hours=0.05, length_s=0.5), tmp_path), ("path",))
    assert len(rows) == 360
    assert any("+" in row["common_name"] for row in rows)
    assert {row["split"] for row in rows} == {"train", "validation", "test"}
    for row in rows:
        unheard = [kind in calibration.UNHEARD for kind in row["common_name"].split("+")]
        assert set(unheard) == {row["split"] == "test"}
    known = [row["split"] for row in rows if row["split"] != "test"]
    assert known.count("validation") == pytest.approx(len(known) / 4, abs=14)


@pytest.mark.parametrize(("name", "splits"), [("calibration", {"train", "validation", "test"}),
                                              ("test", {"test"})])  # fmt: skip
def test_a_data_set_of_background_is_a_data_set(tmp_path, monkeypatch, name, splits):
    monkeypatch.setattr(BackgroundConfig, "count", 30)
    config = BackgroundConfig(name, length_s=0.5)
    build.build(config, tmp_path)
    found = read_dataset(tmp_path)
    assert len(found.items) == 30
    assert {item.split for item in found.items} == splits
    assert not any(item.species_id for item in found.items)
    for item in found.items:
        assert item.path.stat().st_size > 1000


@pytest.mark.parametrize(
    ("change", "problem"),
    [({"generator": "other"}, "is not one of"), ({"hours": 0.001}, "less than one recording")],
)
def test_what_cannot_be_made_is_refused(change, problem):
    with pytest.raises(ConfigError, match=problem):
        BackgroundConfig(**change)
