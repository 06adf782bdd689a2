"""A step of the engine, against its equation written out by hand."""

import json
import math
import sys
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from edge.contract.errors import MissingPackageError  # noqa: E402
from train.engine.journal import open_log  # noqa: E402
from train.engine.loop import choose_device, fit, mixed_precision  # noqa: E402
from train.engine.schedule import LearningSchedule, parameter_groups  # noqa: E402
from train.engine.training import Training  # noqa: E402
from train.engine.wandb_board import check_board  # noqa: E402

SCHEDULE = LearningSchedule(steps=20, learning_rate=0.1, weight_decay=0.0, warmup=1)
POINT = torch.tensor([[3.0, 4.0]])


def made(values: list[float]) -> nn.Linear:
    module = nn.Linear(len(values), 1, bias=False)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([values]))
    return module


def test_a_long_gradient_is_shortened_and_a_short_one_is_not(tmp_path):
    """g -> g min(1, c / |g|): of (3, 4), whose length is 5, remains a fifth."""
    seen = []
    for norm in (1.0, 10.0):
        module = made([0.0, 0.0])
        training = Training([module], replace(SCHEDULE, clip_norm=norm))
        metrics = training.advance(
            lambda module=module: module(torch.tensor([[3.0, 4.0]])).sum(), ""
        )
        seen.append(module.weight.grad[0].tolist())
        assert metrics["gradient_norm"] == pytest.approx(5.0)
    assert seen[0] == pytest.approx([0.6, 0.8], abs=1e-4)
    assert seen[1] == pytest.approx([3.0, 4.0])


def test_without_clipping_nothing_is_measured():
    module = made([1.0])
    assert "gradient_norm" not in Training([module], SCHEDULE).advance(
        lambda: module(torch.ones(1, 1)).sum(), ""
    )


def test_a_scaled_loss_gives_the_step_of_the_plain_one():
    places = []
    for float16 in (False, True):
        module = made([2.0])
        training = Training([module], replace(SCHEDULE, float16=float16))
        for _ in range(3):
            training.advance(lambda module=module: module(torch.ones(1, 1)).square().sum(), "")
        places.append(module.weight.item())
    assert places[1] == pytest.approx(places[0], rel=1e-5)


def test_a_gradient_that_overflows_is_left_out_and_the_scale_falls():
    module = made([2.0])
    training = Training([module], replace(SCHEDULE, float16=True, clip_norm=1.0))

    def loss() -> torch.Tensor:
        value = module(torch.ones(1, 1)).sum()
        value.register_hook(lambda gradient: gradient * math.inf)
        return value

    before = training.state_dict()["scaler"]["scale"]
    metrics = training.advance(loss, "")
    assert module.weight.item() == 2.0
    assert "gradient_norm" not in metrics
    kept = training.state_dict()
    assert kept["scaler"]["scale"] < before
    again = Training([made([2.0])], replace(SCHEDULE, float16=True))
    again.load_state_dict(kept)
    assert again.state_dict()["scaler"] == kept["scaler"]


def test_float16_is_computed_in_wherever_it_is_asked_for():
    device, module = choose_device("cpu"), nn.Linear(4, 4)
    with mixed_precision(device, float16=True):
        assert module(torch.ones(1, 4)).dtype == torch.float16


def test_each_parameter_has_its_share_of_the_rate():
    lower, upper = made([1.0]), made([1.0])
    training = Training([lower, upper], SCHEDULE, rates={lower.weight: 0.25})
    training.advance(lambda: lower(torch.ones(1, 1)).sum() + upper(torch.ones(1, 1)).sum(), "")
    # AdamW's first step is the rate, whatever the gradient.
    assert 1 - upper.weight.item() == pytest.approx(0.1, rel=1e-3)
    assert 1 - lower.weight.item() == pytest.approx(0.025, rel=1e-3)


def test_only_matrices_decay_and_what_rests_is_in_no_group():
    module = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2), nn.Linear(2, 2))
    module[2].requires_grad_(False)
    groups, shares = parameter_groups([module], 0.5, {})
    assert [[part.ndim for part in group["params"]] for group in groups] == [[2], [1, 1, 1]]
    assert [group["weight_decay"] for group in groups] == [0.5, 0.0]
    assert shares == [1.0, 1.0]


def test_the_journal_tells_the_length_of_the_gradient(tmp_path):
    module, log = made([1.0]), tmp_path / "walk.jsonl"
    schedule = replace(SCHEDULE, steps=2, clip_norm=1.0)
    fit([module], lambda: module(torch.ones(1, 1)).square().sum(), schedule, "walk", log)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [sorted(line) for line in lines] == [
        ["gradient_norm", "learning_rate", "loss", "step"]
    ] * 2


class Board:
    """Stands for Weights & Biases, of which it keeps what it is told."""

    def __init__(self) -> None:
        self.runs: list[dict] = []
        self.told: list[tuple[int, list[str]]] = []
        self.ended = 0

    def init(self, **how) -> "Board":
        self.runs.append(how)
        return self

    def log(self, figures: dict, step: int) -> None:
        self.told.append((step, sorted(figures)))

    def finish(self) -> None:
        self.ended += 1


def test_weights_and_biases_is_told_of_each_step_and_goes_on_with_its_run(tmp_path, monkeypatch):
    board = Board()
    monkeypatch.setitem(sys.modules, "wandb", board)
    for begun in (0, 2):
        with open_log(tmp_path / "walk.jsonl", begun, "birds") as write:
            write({"step": begun, "loss": 1.0})
    assert board.told == [(0, ["loss"]), (2, ["loss"])]
    assert [run["project"] for run in board.runs] == ["birds", "birds"]
    assert len({run["id"] for run in board.runs}) == 1
    assert board.ended == 2


def test_a_board_that_is_not_installed_is_said_before_anything_is_decoded(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    check_board("")
    with pytest.raises(MissingPackageError, match=r"pip install 'birdlisten\[wandb\]'"):
        check_board("birds")
