"""Names and pictures together: killed, shared, exported, and called what it is."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch")
pytest.importorskip("av")
from safetensors.torch import load_file  # noqa: E402

from edge.cli import main as birdlisten  # noqa: E402
from edge.contract.bundle import load_bundle  # noqa: E402
from edge.contract.errors import ConfigError, DatasetError  # noqa: E402
from export.methods import Variants  # noqa: E402
from export.model_card import CardSubject, model_card  # noqa: E402
from export.onnx import export  # noqa: E402
from gallery.build import build  # noqa: E402
from gallery.teacher import load_teacher  # noqa: E402
from tests.support.filmed import BIRDS, film, film_folder  # noqa: E402
from tests.support.published_models import write_student, write_teacher  # noqa: E402
from train.bridges.clips import VideoClip  # noqa: E402
from train.bridges.joint import JointContrast, join, main  # noqa: E402
from train.bridges.video import read_frames, read_sound  # noqa: E402
from train.config import load_config, to_dict  # noqa: E402
from train.config.joint import JointConfig  # noqa: E402
from train.distillation.anchors import cached_anchors  # noqa: E402
from train.model.checkpoint import WEIGHTS, load_checkpoint  # noqa: E402

STEPS = 6
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.*"),
    pytest.mark.filterwarnings("ignore::FutureWarning:torch.*"),
    pytest.mark.filterwarnings("ignore:.*is deprecated.*:FutureWarning:copyreg"),
]


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    root = tmp_path_factory.mktemp("films")
    film_folder(root / "films", clips=3)
    return JointConfig(
        data=f"videos:{root / 'films'}",
        teacher=write_teacher(root / "teacher"),
        student=write_student(root / "student"),
        window_s=2.4,
        frames=4,
        batch=6,
        steps=STEPS,
        warmup=2,
        bfloat16=False,
        device="cpu",
    )


@pytest.fixture(autouse=True)
def _in_the_films_folder(films, monkeypatch):
    """`runs/cache` away from the user's own, for child processes too."""
    monkeypatch.chdir(Path(films.student).parent)


def arguments(config) -> list[str]:
    return [f"{name}={json.dumps(value)}" for name, value in to_dict(config).items()]


def losses(folder: Path) -> list[float]:
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["loss"] for line in lines]


def test_a_killed_training_goes_on_as_if_nothing_had_been(films, tmp_path, monkeypatch):
    whole, broken = (
        replace(films, output=str(tmp_path / name), snapshot_every=1)
        for name in ("whole", "broken")
    )
    expected, original, taken = join(whole), JointContrast.loss, []

    def stopping(self):
        if len(taken) == 4:
            raise KeyboardInterrupt
        taken.append(self)
        return original(self)

    monkeypatch.setattr(JointContrast, "loss", stopping)
    with pytest.raises(KeyboardInterrupt):
        join(broken)
    monkeypatch.setattr(JointContrast, "loss", original)
    found = join(broken)
    assert losses(found) == losses(expected)
    assert (found / WEIGHTS).read_bytes() == (expected / WEIGHTS).read_bytes()


def test_the_name_of_a_held_out_species_is_no_negative(films, tmp_path, monkeypatch):
    names = replace(films, image_weight=0.0, held_out=("strix_aluco",))
    expected, original = join(replace(names, output=str(tmp_path / "one"))), cached_anchors

    def elsewhere(teacher, taxonomy, cache):
        anchors = original(teacher, taxonomy, cache).copy()
        anchors[:, taxonomy.ids.index("strix_aluco")] *= -1
        return anchors

    monkeypatch.setattr("train.bridges.training.cached_anchors", elsewhere)
    found = join(replace(names, output=str(tmp_path / "other")))
    assert (found / WEIGHTS).read_bytes() == (expected / WEIGHTS).read_bytes()


def test_ddp_two_ranks_learn_as_one(films, tmp_path):
    one, two = (replace(films, output=str(tmp_path / name)) for name in ("one", "two"))
    expected = join(one)
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m")
    command = [sys.executable, *torchrun, "train.bridges", "joint", *arguments(two)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found = tmp_path / "two-pairs"
    assert losses(found) == pytest.approx(losses(expected), rel=1e-5)
    weights, others = load_file(expected / WEIGHTS), load_file(found / WEIGHTS)
    for name, weight in weights.items():
        assert torch.allclose(weight, others[name], atol=2e-3), name


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A frame of each bird, in folders a species."""
    folder = tmp_path_factory.mktemp("pictures")
    for bird, name in enumerate(BIRDS):
        clip = film(folder / "films" / f"{bird}.mp4", bird, seed=7)
        place = folder / "shown" / name.replace(" ", "_")
        place.mkdir(parents=True)
        read_frames(clip, [1.2])[0].save(place / "one.jpg")
    return folder


def test_its_encoder_is_exported_and_listened_with_and_says_that_it_used_pairs(
    films, tmp_path, pictures, capsys
):
    run, bundle = join(replace(films, output=str(tmp_path / "run"))), tmp_path / "bundle"
    export(run, bundle, Variants(["fp32"]))
    build(bundle, str(pictures / "shown"), lambda: load_teacher(films.teacher))
    sound = read_sound(pictures / "films" / "0.mp4", 48_000)
    soundfile.write(tmp_path / "heard.wav", np.tile(sound, 2), 48_000)
    command = ["identify", str(tmp_path / "heard.wav"), "--bundle", str(bundle), "--json"]
    capsys.readouterr()
    assert birdlisten(command) == 0
    found = json.loads(capsys.readouterr().out)
    assert {bird["species_id"] for bird in found["top"]} == {
        name.lower().replace(" ", "_") for name in BIRDS
    }
    listened = load_bundle(bundle)
    assert listened.manifest.name == "films-pairs"
    assert listened.manifest.provenance["pairs"] == "sounds with pictures"
    card = model_card(CardSubject(run, load_checkpoint(run), listened, "me/mine"))
    assert "teacher, sounds paired with pictures; space" in card


def test_what_goes_on_from_pairs_has_learned_from_them(films, tmp_path):
    first = join(replace(films, steps=1, output=str(tmp_path / "run")))
    names = replace(films, steps=1, image_weight=0.0, student=str(first))
    assert load_checkpoint(join(replace(names, output=str(tmp_path / "on")))).learned_from_pairs


def test_a_run_is_called_pairs_if_it_learned_from_pairs(films, tmp_path):
    told = {}
    for weight in (1.0, 0.0):
        run = join(replace(films, output=str(tmp_path / "said"), steps=1, image_weight=weight))
        kept = load_checkpoint(run)
        told[weight] = run.name, kept.dataset, kept.learned_from_pairs
    assert told == {1.0: ("said-pairs", "films-pairs", True), 0.0: ("said", "films", False)}


def test_without_a_weight_of_pictures_no_frame_changes_what_is_learned(films, tmp_path):
    """Another number of frames gives other rows, and draws from them."""
    two, four = (
        join(replace(films, output=str(tmp_path / str(count)), image_weight=0.0, frames=count))
        for count in (2, 4)
    )
    assert losses(two) == losses(four)
    assert (two / WEIGHTS).read_bytes() == (four / WEIGHTS).read_bytes()


def test_pictures_of_the_same_species_take_the_place_of_frames(films, tmp_path, pictures):
    config = replace(films, pictures=str(pictures / "shown"), output=str(tmp_path / "shown"))
    shown, filmed = join(config), join(replace(films, output=str(tmp_path / "filmed")))
    assert len(losses(shown)) == len(losses(filmed)) == STEPS
    assert losses(shown) != losses(filmed)


def test_a_control_learns_by_other_ranks_and_keeps_the_true_ones(films, tmp_path):
    config = replace(films, image_weight=0.0, output=str(tmp_path / "run"))
    plain, control = join(config), join(replace(config, shuffle_taxonomy=1))
    assert control.name == "run-shuffled-taxonomy"
    assert losses(control) != losses(plain)
    kept = load_checkpoint(control)
    assert kept.dataset == "films-shuffled-taxonomy"
    assert np.array_equal(kept.anchors, load_checkpoint(plain).anchors)


def test_a_clip_without_a_species_is_refused(films, tmp_path, monkeypatch):
    monkeypatch.setattr(VideoClip, "label", "")
    monkeypatch.setattr("train.bridges.joint.prepare", None)  # before anything is embedded
    with pytest.raises(DatasetError, match=r"joint: needs a species of every clip; 9 have none"):
        join(replace(films, output=str(tmp_path / "nameless")))


def test_weights_that_leave_nothing_to_learn_are_refused():
    with pytest.raises(ConfigError, match="both are 0; give one of them a weight"):
        load_config(JointConfig, None, ["text_weight=0", "image_weight=0"])


def test_the_command_tells_the_run(films, tmp_path, capsys):
    assert main(arguments(replace(films, steps=1, output=str(tmp_path / "run")))) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "run-pairs")
