"""The training loop: killed and taken up again, averaged, accumulated, written down."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from edge.contract.errors import ConfigError  # noqa: E402
from train.checkpoint import WEIGHTS  # noqa: E402
from train.distill import KEPT, distill  # noqa: E402
from train.journal import TENSORBOARD, open_log  # noqa: E402
from train.loop import Schedule, fit  # noqa: E402

ROOT = Path(__file__).parents[1]
STEPS = 12


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("train.distill.CACHE", tmp_path / "cache")


def command(config) -> list[str]:
    values = (f"{key}={json.dumps(one)}" for key, one in asdict(config).items())
    return [sys.executable, "-m", "train.distill", *values]


def steps_of(log: Path) -> list[dict]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def kill_at(step: int, config) -> None:
    """Start a distillation, and kill it as soon as it has written a step."""
    log = Path(config.output) / "metrics.jsonl"
    running = subprocess.Popen(command(config), cwd=ROOT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    while not log.is_file() or len(log.read_bytes().splitlines()) < step:
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()


def test_resume_after_a_kill_at_a_random_step_is_bit_identical(world, tmp_path):
    whole = world.distillation("whole", steps=STEPS, ema=0.9, keep_every=2)
    whole = replace(whole, output=str(tmp_path / "whole-aviary"))
    step = random.randint(3, STEPS - 3)
    expected = distill(whole)
    broken = replace(whole, output=str(tmp_path / "broken-aviary"))
    kill_at(step, broken)
    assert (Path(broken.output) / KEPT).is_file()
    assert not (Path(broken.output) / WEIGHTS).exists()
    subprocess.run(command(broken), cwd=ROOT, check=True, capture_output=True)
    found = Path(broken.output)
    assert (found / WEIGHTS).read_bytes() == (expected / WEIGHTS).read_bytes(), f"killed at {step}"
    assert steps_of(found / "metrics.jsonl") == steps_of(expected / "metrics.jsonl")
    assert not (found / KEPT).exists()


def test_resume_refuses_another_training_and_a_damaged_file(world, tmp_path):
    config = world.distillation("kept", steps=2, keep_every=1)
    config = replace(config, output=str(tmp_path / "kept-aviary"))
    Path(config.output).mkdir()
    kept = Path(config.output) / KEPT
    kept.write_bytes(b"half a file")
    with pytest.raises(ConfigError, match=r"training\.pt: damaged"):
        distill(config)
    torch.save({"settings": "others"}, kept)
    with pytest.raises(ConfigError, match="other settings"):
        distill(config)


class Point(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.tensor([4.0]))


SCHEDULE = Schedule(steps=20, learning_rate=0.1, weight_decay=0.0, warmup=1)


def test_accumulated_batches_make_the_step_of_one_large_batch():
    targets = torch.arange(40.0)

    def trained(batch: int, schedule: Schedule) -> float:
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
    shown = [(one.step, one.value) for one in events.Scalars("loss")]
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
