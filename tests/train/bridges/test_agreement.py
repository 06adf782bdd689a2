"""Training by temporal agreement: its curriculum, its stages, killed, shared, exported."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("av")
from safetensors.torch import load_file  # noqa: E402

from edge.contract.errors import ConfigError  # noqa: E402
from tests.support.filmed import film_folder  # noqa: E402
from tests.support.published_models import write_student, write_teacher  # noqa: E402
from train.bridges.agreement import TemporalAgreement, _tune, agree, main  # noqa: E402
from train.bridges.text_tuning import ClipTexts, text_pairs  # noqa: E402
from train.bridges.training import prepare  # noqa: E402
from train.config import load_config, to_dict  # noqa: E402
from train.config.agreement import AgreementConfig  # noqa: E402
from train.engine.ranks import Ranks  # noqa: E402
from train.model.checkpoint import META, WEIGHTS, load_checkpoint  # noqa: E402

STEPS = 6


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    root = tmp_path_factory.mktemp("films")
    film_folder(root / "films", clips=4)
    return AgreementConfig(
        data=f"videos:{root / 'films'}",
        teacher=write_teacher(root / "teacher"),
        student=write_student(root / "student"),
        window_s=2.4,
        segment_s=1.0,
        frames=4,
        batch=6,
        steps=STEPS,
        warmup=2,
        random_epochs=1,
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
    return [
        json.loads(line)["loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()
    ]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / WEIGHTS)


class StoppedError(Exception):
    """Stands for a kill."""


def stop_at(monkeypatch, method, step: int) -> None:
    """End a training as a kill would, before a step."""
    loss, taken = method.loss, []

    def stopping(self) -> torch.Tensor:
        if len(taken) == step:
            raise StoppedError
        taken.append(step)
        return loss(self)

    monkeypatch.setattr(method, "loss", stopping)


@pytest.mark.parametrize("match", ["nearest", "multiframe"])
def test_a_killed_training_goes_on_as_if_nothing_had_been(films, tmp_path, match):
    """Killed after the random epoch, and in the second stage, too."""
    from train.bridges.text_tuning import TextTuning

    settings = {"match": match, "snapshot_every": 1, "text_steps": 3, "text_pairs": 9}
    whole, broken = (
        replace(films, output=str(tmp_path / name), **settings) for name in ("whole", "broken")
    )
    expected = agree(whole)
    for method, step in ((TemporalAgreement, 4), (TextTuning, 2)):
        with pytest.MonkeyPatch.context() as patch:
            stop_at(patch, method, step)
            with pytest.raises(StoppedError):
                agree(broken)
    found = agree(broken)
    assert losses(found) == losses(expected)
    assert (found / WEIGHTS).read_bytes() == (expected / WEIGHTS).read_bytes()
    assert losses(found.parent) == losses(expected.parent)
    assert [len(losses(folder)) for folder in (found.parent, found)] == [STEPS, 3]
    assert not [*found.parent.rglob("training.pt")]


@pytest.mark.parametrize("match", ["nearest", "multiframe"])
def test_ddp_two_ranks_learn_as_one(films, tmp_path, match):
    settings = {"match": match, "mask_species": True, "text_steps": 3 * (match == "nearest")}
    one, two = (replace(films, output=str(tmp_path / name), **settings) for name in ("one", "two"))
    expected = agree(one)
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m")
    command = [sys.executable, *torchrun, "train.bridges", "agreement", *arguments(two)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found = Path(two.output) / expected.relative_to(one.output)
    assert losses(Path(two.output)) == pytest.approx(losses(Path(one.output)), rel=1e-5)
    # Tuned by text from weights that differ by the order of their sums, which Adam's steps enlarge.
    assert losses(found) == pytest.approx(losses(expected), rel=1e-4)
    others = weights(found)
    for name, weight in weights(expected).items():
        assert torch.allclose(weight, others[name], atol=2e-3), name


def test_frames_are_drawn_at_random_for_some_epochs_then_the_nearest_are_taken(
    films, tmp_path, monkeypatch
):
    """Of three batches an epoch, with two random epochs, only the last two are of the nearest."""
    seen = []
    chosen_nce = TemporalAgreement.loss.__globals__["chosen_nce"]

    def noting(audio, frames, chosen, **rest):
        nearest = torch.einsum("bd,bld->bl", audio, frames).argmax(dim=1)
        seen.append(torch.equal(chosen, nearest))
        return chosen_nce(audio, frames, chosen=chosen, **rest)

    monkeypatch.setattr("train.bridges.agreement.chosen_nce", noting)
    config = replace(films, batch=4, steps=8, random_epochs=2, output=str(tmp_path / "run"))
    agree(config)
    assert seen == [False] * 6 + [True] * 2
    seen.clear()
    agree(replace(config, match="random", output=str(tmp_path / "random")))
    assert seen == [False] * 8


@pytest.mark.parametrize(
    "settings",
    [
        {"match": "random"},
        {"match": "nearest", "random_epochs": 0},
        {"match": "nearest", "random_epochs": 0, "nearest_negatives": True},
        {"match": "multiframe"},
        {"match": "multiframe_clip"},
    ],
)
def test_frames_outside_the_drawn_window_teach_nothing(films, tmp_path, settings):
    """Clips of 2.4 s, windows of 1.2 s: what the frames of the other half show doesn't matter."""
    config = replace(films, window_s=1.2, output=str(tmp_path / "run"), **settings)
    parts = prepare(config, "agreement")
    values, outside = [], []
    for worth in (1.0, -1.0):
        objective = TemporalAgreement(parts, config)
        drawn = objective._pairs.batch

        def batch(size, drawn=drawn, worth=worth):
            found = drawn(size)
            inside = (found.times_s >= found.begins_s[:, None]) & (
                found.times_s < found.begins_s[:, None] + 1.2
            )
            outside.append(int((~inside).sum()))
            rows = torch.where(inside[..., None], found.rows, worth * found.rows)
            return found._replace(rows=rows)

        objective._pairs.batch = batch
        with torch.no_grad():
            values.append(float(objective.loss()))
    assert outside[0] > 0
    assert values[0] == values[1]


@pytest.mark.parametrize(("match", "window_s"), [("multiframe", 1.0), ("multiframe_clip", 2.4)])
def test_a_student_of_segments_listens_to_windows_as_long(films, tmp_path, match, window_s):
    run = agree(replace(films, match=match, steps=1, output=str(tmp_path / "run")))
    assert load_checkpoint(run).window_samples == round(window_s * 48_000)


def test_masks_leave_out_frames_of_a_clip_and_clips_of_a_species(films, tmp_path):
    config = replace(films, match="multiframe", output=str(tmp_path / "run"))
    parts = prepare(config, "agreement")

    def near(**settings):
        objective = TemporalAgreement(parts, replace(config, **settings))
        batch = parts.sampler().batch(6)
        return objective._near(batch), batch

    mask, _ = near()
    blocks = torch.block_diag(*[torch.ones(4, 4)] * 6).bool() & ~torch.eye(24, dtype=bool)
    assert torch.equal(mask, blocks)
    mask, batch = near(mask_species=True, match="random")
    same = batch.labels[:, None] == batch.labels
    assert torch.equal(mask, same & ~torch.eye(6, dtype=bool))
    assert near(mask_clip=False)[0] is None
    assert near(match="nearest")[0] is None


def test_text_pairs_are_shared_by_all_species_and_grow(films, tmp_path):
    pairs = prepare(replace(films, output=str(tmp_path / "run")), "agreement").pairs
    few, more = (text_pairs(pairs, count, seed=1) for count in (4, 7))
    assert sorted(np.bincount(few.labels.numpy()).tolist()) == [1, 1, 2]
    assert {clip.path for clip in few.clips} < {clip.path for clip in more.clips}
    place = [clip.path for clip in pairs.clips].index(few.clips[0].path)
    assert torch.equal(few.log_mels[0], pairs.log_mels[place])
    assert (few.bank.rows[0] == pairs.bank.rows[place]).all()
    assert text_pairs(pairs, 0, seed=1) is pairs


def test_a_clip_is_told_by_each_of_its_texts(films):
    from gallery.teacher import load_teacher

    teacher = load_teacher(films.teacher)
    texts = ClipTexts([("a cuckoo", "a bird"), ("an owl",), ("a cuckoo", "a bird")], teacher)
    assert texts.groups.tolist() == [0, 1, 0]
    rows = texts.rows(torch.tensor([0, 0, 1, 2]), torch.tensor([0.1, 0.7, 0.9, 0.4]))
    expected = teacher.embed_texts(["a cuckoo", "a bird", "an owl", "a cuckoo"])
    assert np.allclose(rows.numpy(), expected, atol=1e-6)


def test_a_finished_first_stage_is_taken_up_by_the_same_settings_only(films, tmp_path):
    config = replace(films, output=str(tmp_path / "run"), text_steps=2)
    first = agree(config).parent
    before = (first / WEIGHTS).stat().st_mtime_ns
    assert agree(replace(config, text_pairs=6)).name == "text-6-films"
    assert (first / WEIGHTS).stat().st_mtime_ns == before
    with pytest.raises(ConfigError, match="match was 'nearest' and is 'random'"):
        agree(replace(config, match="random"))


def test_a_second_stage_is_named_by_the_pairs_that_there_are(films, tmp_path):
    config = replace(films, output=str(tmp_path / "run"), steps=0, text_steps=1, text_pairs=99)
    assert agree(config).name == "text-12-films"


def test_pairs_of_text_are_shared_by_the_ranks_or_refused_at_once(films, tmp_path, monkeypatch):
    seen = []

    def noting(config, method, ranks):
        seen.append(config.batch)
        raise StoppedError

    monkeypatch.setattr("train.bridges.agreement.prepare", noting)
    config = replace(films, text_steps=1, text_pairs=5)
    with pytest.raises(StoppedError):
        _tune(config, start=films.student, output=tmp_path, ranks=Ranks(0, 2))
    assert seen == [4]
    with pytest.raises(ConfigError, match="text_pairs: 1 are fewer than the 2 ranks"):
        agree(replace(config, text_pairs=1), Ranks(0, 2))


def test_a_segment_holds_a_spectrum_at_least(films, tmp_path):
    config = replace(films, match="multiframe", segment_s=0.001, output=str(tmp_path / "run"))
    with pytest.raises(ConfigError, match=r"segment_s: 0\.001 s are less than one spectrum"):
        agree(config)


def test_a_first_stage_of_another_teacher_or_student_is_not_taken_up(films, tmp_path):
    config = replace(films, output=str(tmp_path / "run"), steps=1, text_steps=1)
    first = agree(config).parent
    with pytest.raises(ConfigError, match=f"student was '{config.student}' and is"):
        agree(replace(config, student="cnn:mobilenetv3_small_050"))
    meta = json.loads((first / META).read_text())
    (first / META).write_text(json.dumps({**meta, "space_id": "f" * 64}))
    with pytest.raises(ConfigError, match="was learned in ffffffffffff of"):
        agree(config)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (["match=nearset"], "match: 'nearset' is not one of"),
        (["segment_s=0"], "segment_s: 0.0 is not a positive number"),
        (["match=multiframe", "segment_s=9"], "segment_s: 9.0 s is longer than window_s=8.0"),
        (["text_pairs=-1"], "text_pairs: -1 is below 0"),
    ],
)
def test_settings_that_cant_train_are_refused(settings, told):
    with pytest.raises(ConfigError, match=told):
        load_config(AgreementConfig, None, settings)


def test_the_command_tells_the_run(films, tmp_path, capsys):
    config = replace(films, steps=1, output=str(tmp_path / "run"))
    assert main(arguments(config)) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "run")
