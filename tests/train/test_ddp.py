"""A training shared by two processes, as torchrun starts them, is the training of one."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from safetensors.torch import load_file  # noqa: E402

from edge.contract.errors import ConfigError  # noqa: E402
from tests.support.world import arguments, wait_for_steps  # noqa: E402
from tests.train.test_imitation import config as imitating  # noqa: E402
from tests.train.test_imitation import ear  # noqa: E402, F401
from train.distill import KEPT, distill  # noqa: E402
from train.engine.ranks import Ranks  # noqa: E402
from train.model.checkpoint import WEIGHTS  # noqa: E402
from train.model.opening import open_student  # noqa: E402
from train.pretrain import pretrain  # noqa: E402
from train.pretraining.feature_distillation import BACKBONE  # noqa: E402

STEPS = 8


@pytest.fixture(autouse=True)
def _own_cache(computed, monkeypatch):
    """`runs/cache` away from the user's own, for child processes too."""
    monkeypatch.chdir(computed)


def two_ranks(*command: str) -> list[str]:
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m")
    return [sys.executable, *torchrun, *command]


def two_processes(config, port: int, folders: Sequence[Path] = ()) -> list[subprocess.Popen]:
    """The same without torchrun, whose workers outlive it when it is killed.

    Folders are what each works in: those of two machines.
    """
    group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    return [
        subprocess.Popen(
            [sys.executable, "-m", "train.distill", *arguments(config)],
            stderr=subprocess.DEVNULL,
            env={**os.environ, **group, "RANK": str(rank)},
            cwd=folders[rank] if folders else None,
        )
        for rank in range(2)
    ]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def losses(output: Path, log: str = "metrics.jsonl") -> list[float]:
    lines = (output / log).read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(STEPS))
    return [json.loads(line)["loss"] for line in lines]


def validated(output: Path) -> list[float]:
    """Scores of the validations, whose recordings the ranks share."""
    lines = map(json.loads, (output / "metrics.jsonl").read_text().splitlines())
    found = [line["validation_mAP"] for line in lines if "validation_mAP" in line]
    assert len(found) == 2
    return found


@pytest.mark.parametrize("loss", ["anchor_softmax", "info_nce"])
def test_ddp_two_ranks_learn_as_one_with_the_doubled_batch(world, tmp_path, loss):
    settings = {"loss": loss, "steps": STEPS, "accumulate": 2, "outliers": 0.2, "ema": 0.5}
    settings["validate_every"] = STEPS // 2
    settings["bfloat16"] = False  # rounds differently in batches of another size
    config = world.distillation("one", **settings)
    first, second = (
        replace(config, output=str(tmp_path / f"{name}-aviary")) for name in ("one", "two")
    )
    expected = distill(first)
    run(two_ranks("train.distill", *arguments(second)))
    found = Path(second.output)
    assert losses(found) == pytest.approx(losses(expected), rel=1e-5)
    assert validated(found) == pytest.approx(validated(expected), abs=1e-5)
    weights, others = load_file(expected / WEIGHTS), load_file(found / WEIGHTS)
    for name, weight in weights.items():
        assert torch.allclose(weight, others[name], atol=2e-3), name


def test_ddp_two_ranks_imitate_as_one(world, ear, tmp_path):  # noqa: F811
    """They read what the first has heard: they have no network."""
    settings = imitating(world, init=world.student, window_s=2.5, mixtures=2, audio_steps=STEPS)
    folders = [tmp_path / name for name in ("one-aviary", "two-aviary")]
    first, second = (replace(settings, output=str(folder)) for folder in folders)
    pretrain(first, ["backbone"])
    run(two_ranks("train.pretrain", "--only", "backbone", *arguments(second)))
    expected, found = (losses(folder, "imitate.jsonl") for folder in folders)
    assert found == pytest.approx(expected, rel=1e-4)
    assert open_student(str(folders[1] / BACKBONE)).hint is not None


def test_only_one_training_can_be_shared(world, capfd):
    refused = subprocess.run(two_ranks("train.pretrain", f"data={world.data}"))
    assert refused.returncode
    assert "add --only backbone" in capfd.readouterr().err


def test_two_machines_without_a_common_folder_go_on_as_if_nothing_had_been(world, tmp_path):
    """Killed, and taken up again by the file that the first one alone has."""
    settings = {"steps": STEPS, "snapshot_every": 2, "validate_every": 3, "bfloat16": False}
    machines = [tmp_path / name for name in ("first", "second")]
    for folder in machines:
        folder.mkdir()
    whole, broken = (
        replace(world.distillation("kept", **settings), output=f"{name}-aviary")
        for name in ("whole", "broken")
    )
    assert [one.wait() for one in two_processes(whole, free_port(), machines)] == [0, 0]
    running = two_processes(broken, free_port(), machines)
    wait_for_steps(replace(broken, output=str(machines[0] / broken.output)), 4, running)
    for one in running:
        one.kill()
        one.wait()
    assert [(folder / broken.output / KEPT).is_file() for folder in machines] == [True, False]
    assert [one.wait() for one in two_processes(broken, free_port(), machines)] == [0, 0]
    first, other = (machines[0] / one.output for one in (whole, broken))
    assert losses(other) == losses(first)
    assert (first / WEIGHTS).read_bytes() == (other / WEIGHTS).read_bytes()


def test_a_batch_that_ranks_cant_share_is_refused():
    with pytest.raises(ConfigError, match=r"batch: 20 windows .* 3 ranks; try 18"):
        Ranks(0, 3).check("batch", 20)
    Ranks(1, 2).check("batch", 20)


def test_alone_nothing_is_sent():
    rows = torch.arange(6.0).reshape(3, 2)
    alone = Ranks()
    assert alone.gather(rows) is rows
    assert (alone.mean(2.5), alone.collect("a")) == (2.5, ["a"])
    assert np.arange(5)[alone.mine].tolist() == [0, 1, 2, 3, 4]
