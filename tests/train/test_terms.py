"""Settings under which a training goes on: what may change, and what would be another training."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from edge.contract.errors import ConfigError  # noqa: E402
from edge.contract.taxonomy import Species  # noqa: E402
from gallery.data.dataset import Item  # noqa: E402
from train.config import DistillConfig, terms_of  # noqa: E402
from train.engine.loop import fit  # noqa: E402
from train.engine.ranks import Ranks  # noqa: E402
from train.engine.resume import KEPT, Snapshots, check_kept  # noqa: E402
from train.engine.schedule import LearningSchedule  # noqa: E402
from train.engine.terms import Terms, digest  # noqa: E402
from train.sound.training_set import TrainingSet  # noqa: E402

BEGUN = terms_of(DistillConfig(steps=10, batch=8))


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 20}, {"snapshot_every": 5}, {"validate_every": 2, "patience": 3},
        {"data": "/moved/data", "teacher": "local-dir:/moved", "student": "/moved/student"},
        {"output": "runs/moved", "device": "cpu", "compile": True},
    ],
)  # fmt: skip
def test_what_does_not_change_the_past_may_change(change):
    terms_of(DistillConfig(**{"steps": 10, "batch": 8, **change})).check_settings(
        "it", BEGUN.to_json()
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch": 16}, "it: .*other settings: batch was 8 and is 16; give"),
        ({"loss": "info_nce", "seed": 1}, r"loss was 'anchor_softmax' .*; seed was 0 and is 1"),
        ({"held_out": ("parus_major",)}, r"held_out was \[\] and is \['parus_major'\]"),
    ],
)
def test_what_would_have_been_another_training_is_refused_by_name(change, message):
    now = terms_of(DistillConfig(**{"steps": 10, "batch": 8, **change}))
    with pytest.raises(ConfigError, match=message):
        now.check_settings("it", BEGUN.to_json())


def test_a_setting_that_did_not_exist_stood_at_its_default_and_former_names_count():
    now = terms_of(DistillConfig(background_prob=0.7))
    now.check_settings("it", '{"background": 0.7}')
    with pytest.raises(ConfigError, match=r"background_prob was 0\.4 and is 0\.7"):
        now.check_settings("it", "{}")


def test_a_path_may_move_but_not_what_lies_there():
    labels = np.arange(3)
    kept = {"data": digest(["a"], labels), "hint": digest("b")}
    Terms(content=kept).check_content("it", kept)
    Terms(content=kept).check_content("it", {})  # of before contents were kept
    with pytest.raises(ConfigError, match="data holds something else now"):
        Terms(content={**kept, "data": digest(["a"], labels + 1)}).check_content("it", kept)


def walk(steps: int, file, every: int = 1) -> int:
    """Train a number, keeping it; how many steps that took."""
    module, taken = nn.Linear(1, 1), []

    def loss() -> torch.Tensor:
        taken.append(1)
        return module(torch.ones(1, 1)).square().sum()

    snapshots = Snapshots(file, every, Terms(), ())
    fit([module], loss, LearningSchedule(steps, 0.01), "walk", snapshots=snapshots)
    return len(taken)


def test_a_training_is_given_more_steps_and_not_fewer_than_it_took(tmp_path):
    assert walk(4, tmp_path / KEPT) == 4
    assert walk(6, tmp_path / KEPT) == 2
    with pytest.raises(ConfigError, match=r"steps: 3 are fewer than the 6 that .* has taken"):
        walk(3, tmp_path / KEPT)


def test_more_steps_bend_the_rest_of_the_rate(tmp_path):
    schedule = LearningSchedule(steps=10, learning_rate=1.0, warmup=0)
    assert LearningSchedule(steps=20, learning_rate=1.0, warmup=0).rate(5) > schedule.rate(5)
    assert schedule.rate(0) == 1.0
    assert schedule.rate(5) == pytest.approx(0.5)


def test_what_is_kept_stays_until_the_checkpoint_is_written(tmp_path):
    walk(2, tmp_path / KEPT)
    assert (tmp_path / KEPT).is_file()
    Snapshots(tmp_path / KEPT, 1, Terms(), ()).done()
    assert not (tmp_path / KEPT).exists()


def test_a_damaged_file_is_named_before_anything_is_decoded(tmp_path):
    (tmp_path / KEPT).write_bytes(b"half a file")
    with pytest.raises(ConfigError, match=r"training\.pt: damaged; delete it"):
        check_kept(tmp_path / KEPT, Terms())


class Heard(Ranks):
    """The first rank, beside one that has other files."""

    def collect(self, thing):
        return [thing, {**thing, "data": "others"}]


def test_machines_with_other_files_do_not_learn_together():
    alike = Heard(0, 2)
    with pytest.raises(ConfigError, match="data: rank 1 has others than rank 0; give every"):
        alike.check_alike({"data": "ours", "teacher": "same"})
    Ranks().check_alike({"data": "ours"})


def test_recordings_that_are_drawn_otherwise_are_other_recordings():
    species = tuple(Species(name, *"SCKPcofge") for name in ("a", "b"))
    log_mels = tuple(torch.zeros(40, 8) for _ in range(2))

    def told(*shares: float, also=((), ())) -> str:
        items = tuple(
            Item(Path("x"), "audio", "a", "train", "CC0", "nobody", corpus=f"{n} c", share=share)
            for n, share in enumerate(shares)
        )
        sounds = TrainingSet(species, items, log_mels, (0, 1), background=(), also=also)
        return sounds.digests["data"]

    assert told() == told(0, 0) == told(also=())
    assert told(0.7, 0.3) == told(0.7, 0.3)
    assert len({told(), told(0.7, 0.3), told(0.5, 0.5), told(also=((1,), ()))}) == 4
