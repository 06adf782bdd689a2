"""The training loop: killed and taken up again, averaged, accumulated, written down."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
from safetensors.torch import load_file  # noqa: E402
from torch import nn  # noqa: E402

from edge.contract.errors import ConfigError, DatasetError  # noqa: E402
from tests.support.world import arguments, wait_for_steps  # noqa: E402
from train.config import terms_of  # noqa: E402
from train.distill import KEPT, distill  # noqa: E402
from train.engine.journal import TENSORBOARD, open_log  # noqa: E402
from train.engine.loop import fit  # noqa: E402
from train.engine.resume import Snapshots  # noqa: E402
from train.engine.schedule import LearningSchedule  # noqa: E402
from train.engine.stopping import EarlyStopping  # noqa: E402
from train.engine.terms import Terms  # noqa: E402
from train.evaluate import evaluate  # noqa: E402
from train.model.checkpoint import WEIGHTS  # noqa: E402

STEPS = 12


@pytest.fixture(autouse=True)
def _own_cache(computed, monkeypatch):
    """`runs/cache` away from the user's own, for child processes too."""
    monkeypatch.chdir(computed)


def command(config) -> list[str]:
    return [sys.executable, "-m", "train.distill", *arguments(config)]


def steps_of(log: Path) -> list[dict]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def kill_at(step: int, config) -> None:
    """Start a distillation, and kill it as soon as it has written a step."""
    running = subprocess.Popen(command(config), stderr=subprocess.DEVNULL)
    wait_for_steps(config, step, [running])
    os.kill(running.pid, signal.SIGKILL)
    running.wait()


def test_resume_after_a_kill_at_a_random_step_is_bit_identical(world, tmp_path):
    whole = world.distillation("whole", steps=STEPS, ema=0.9, snapshot_every=2)
    whole = replace(whole, output=str(tmp_path / "whole-aviary"))
    step = random.randint(3, STEPS - 3)
    expected = distill(whole)
    broken = replace(whole, output=str(tmp_path / "broken-aviary"))
    kill_at(step, broken)
    assert (Path(broken.output) / KEPT).is_file()
    assert not (Path(broken.output) / WEIGHTS).exists()
    subprocess.run(command(broken), check=True, capture_output=True)
    found = Path(broken.output)
    assert (found / WEIGHTS).read_bytes() == (expected / WEIGHTS).read_bytes(), f"killed at {step}"
    assert steps_of(found / "metrics.jsonl") == steps_of(expected / "metrics.jsonl")
    assert not (found / KEPT).exists()


def test_resume_refuses_another_training_and_a_damaged_file(world, tmp_path):
    config = world.distillation("kept", steps=2, snapshot_every=1)
    config = replace(config, output=str(tmp_path / "kept-aviary"))
    Path(config.output).mkdir()
    kept = Path(config.output) / KEPT
    kept.write_bytes(b"half a file")
    with pytest.raises(ConfigError, match=r"training\.pt: damaged"):
        distill(config)
    settings = terms_of(replace(config, batch=10, temperature=0.1)).to_json()
    torch.save({"settings": settings}, kept)
    with pytest.raises(ConfigError, match=r"batch was 10 and is 20; temperature was 0\.1 and is"):
        distill(config)


class Point(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.tensor([4.0]))


SCHEDULE = LearningSchedule(steps=20, learning_rate=0.1, weight_decay=0.0, warmup=1)


def test_accumulated_batches_make_the_step_of_one_large_batch():
    targets = torch.arange(40.0)

    def trained(batch: int, schedule: LearningSchedule) -> float:
        point, drawn = Point(), iter(targets.split(batch))
        fit([point], lambda: (point.place - next(drawn)).square().mean(), schedule, "walk")
        return point.place.item()

    doubled = trained(1, replace(SCHEDULE, accumulate=2))
    assert doubled == pytest.approx(trained(2, SCHEDULE), abs=1e-5)
    assert doubled != pytest.approx(4.0)


def test_the_moving_average_of_the_weights_remains():
    places, point = [], Point()

    def loss() -> torch.Tensor:
        places.append(point.place.item())
        return point.place.square().sum()

    fit([point], loss, replace(SCHEDULE, ema=0.8), "walk")
    plain = Point()
    fit([plain], lambda: plain.place.square().sum(), SCHEDULE, "walk")
    average = 4.0
    for place in [*places[1:], plain.place.item()]:
        average = 0.8 * average + 0.2 * place
    assert point.place.item() == pytest.approx(average, abs=1e-5)


def test_tensorboard_shows_what_the_lines_say(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    point, log = Point(), tmp_path / "walk.jsonl"
    fit([point], lambda: point.place.square().sum(), SCHEDULE, "walk", log)
    events = accumulator.EventAccumulator(str(tmp_path / TENSORBOARD / "walk"))
    events.Reload()
    shown = [(Scalar.step, Scalar.value) for Scalar in events.Scalars("loss")]
    written = [(one["step"], one["loss"]) for one in steps_of(log)]
    assert [step for step, _ in shown] == list(range(20))
    assert [value for _, value in shown] == pytest.approx([value for _, value in written])


def test_a_log_that_goes_on_drops_what_came_later(tmp_path):
    log = tmp_path / "walk.jsonl"
    for begun in (0, 2):
        with open_log(log, begun) as write:
            for step in range(begun, 4):
                write({"step": step, "loss": float(begun)})
    assert [(one["step"], one["loss"]) for one in steps_of(log)] == [(0, 0), (1, 0), (2, 2), (3, 2)]


def validated(scores, schedule, patience, every=2):
    """A walk that is judged by given scores; where it ended, and after how many steps."""
    point, steps, given = Point(), [], iter(scores)

    def loss() -> torch.Tensor:
        steps.append(point.place.item())
        return point.place.square().sum()

    fit(
        [point],
        loss,
        schedule,
        "walk",
        validation=EarlyStopping(lambda: next(given), every, patience),
    )
    return point.place.item(), steps


def test_the_best_weights_remain_and_patience_ends_a_training_early():
    place, steps = validated([0.1, 0.5, 0.4, 0.3, 0.9], SCHEDULE, patience=2)
    assert len(steps) == 8
    assert place == pytest.approx(steps[4])
    place, steps = validated([0.1, 0.5, *[0.4] * 8], SCHEDULE, patience=0)
    assert len(steps) == 20
    assert place == pytest.approx(steps[4])


def test_what_is_validated_is_the_average_of_the_weights_and_it_is_what_remains():
    point, seen = Point(), []
    schedule = replace(SCHEDULE, ema=0.9)
    validation = EarlyStopping(lambda: seen.append(point.place.item()) or -len(seen), 5)
    fit([point], lambda: point.place.square().sum(), schedule, "walk", validation=validation)
    assert len(seen) == 4
    assert point.place.item() == pytest.approx(seen[0])
    plain, _ = validated([1, 0, 0, 0], SCHEDULE, 0, every=5)
    assert seen[0] > plain + 0.05


def test_resume_remembers_the_best_weights_and_the_patience_left(tmp_path):
    scores = [0.1, 0.9, *[0.2] * 8]
    whole, steps = validated(scores, SCHEDULE, patience=3)
    point, given = Point(), iter(scores)
    validation = EarlyStopping(lambda: next(given), 2, 3)
    snapshots = Snapshots(tmp_path / KEPT, 1, Terms(), ())

    def crash() -> torch.Tensor:
        if len(steps_taken) == 7:
            raise KeyboardInterrupt
        steps_taken.append(1)
        return point.place.square().sum()

    steps_taken: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        fit([point], crash, SCHEDULE, "walk", None, snapshots, validation)
    again, more = Point(), []

    def rest() -> torch.Tensor:
        more.append(1)
        return again.place.square().sum()

    fit([again], rest, SCHEDULE, "walk", None, snapshots, validation)
    assert again.place.item() == pytest.approx(whole)
    assert len(steps_taken) + len(more) == len(steps)


def test_early_stopping_hears_the_validation_split_and_saves_its_best(world, tmp_path):
    config = world.distillation("judged", steps=30, validate_every=5, patience=2, ema=0.5)
    output = distill(replace(config, output=str(tmp_path / "judged-aviary")))
    lines = steps_of(output / "metrics.jsonl")
    scores = {line["step"]: line["validation_mAP"] for line in lines if "validation_mAP" in line}
    assert min(scores) == 4
    assert all(0 < score <= 1 for score in scores.values())
    assert max(scores.values()) > scores[4]
    report = evaluate(output, str(world.data), "validation").report
    found = [row for row in report["rows"] if (row["method"], row["task"]) == ("distilled", "A->T")]
    assert found[0]["mAP"]["mean"] == pytest.approx(max(scores.values()), abs=0.02)


def test_without_a_validation_split_that_is_said_before_anything_is_trained(world, tmp_path):
    bare = tmp_path / "bare-aviary"
    bare.mkdir()
    for name in ("manifest.csv", "taxonomy.csv"):
        text = (world.data / name).read_text()
        (bare / name).write_text(text.replace(",validation,", ",test,"))
    for folder in ("audio", "images"):
        (bare / folder).symlink_to(world.data / folder)
    with pytest.raises(DatasetError, match="no recordings in split 'validation'"):
        distill(world.distillation("unjudged", data=str(bare), validate_every=2))
    assert not (world.root / "unjudged-aviary" / "metrics.jsonl").exists()


def test_a_compiled_tower_learns_the_same(world, tmp_path):
    if not shutil.which("g++"):
        pytest.skip("torch.compile needs a compiler")
    settings = world.distillation("compiled", steps=4, bfloat16=False)
    plain, compiled = (
        distill(replace(settings, compile=one, output=str(tmp_path / f"{one}-aviary")))
        for one in (False, True)
    )
    losses = [[one["loss"] for one in steps_of(run / "metrics.jsonl")] for run in (plain, compiled)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    names = [set(load_file(run / WEIGHTS)) for run in (plain, compiled)]
    assert names[0] == names[1]
