"""What a training would cost, against counts made by hand."""

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from train.distill import main  # noqa: E402
from train.distillation.needs import count_saved_bytes  # noqa: E402
from train.distillation.plan import count_flops  # noqa: E402


def test_operations_of_a_product_are_two_a_weight_and_row():
    assert count_flops(nn.Linear(30, 50, bias=False), torch.zeros(4, 30)) == 2 * 4 * 30 * 50


def test_kept_for_the_backward_pass_are_inputs_once_and_no_weights():
    model = nn.Sequential(nn.Linear(30, 50), nn.ReLU(), nn.Linear(50, 10))
    # The inputs of both products; ReLU keeps its output, which is the second's input.
    assert count_saved_bytes(model, torch.zeros(4, 30)) == 4 * (4 * 30 + 4 * 50)


def test_a_dry_run_counts_and_writes_nothing(world, tmp_path, capsys):
    config = world.distillation("dry", steps=7, batch=20, outliers=0.1)
    settings = [f"{name}={getattr(config, name)}" for name in ("data", "teacher", "student")]
    output = tmp_path / "never"
    numbers = ["steps=7", "batch=20", "outliers=0.1", "accumulate=2", f"output={output}"]
    assert main(["--dry-run", *settings, *numbers]) == 0
    lines = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    found = {name: value.strip() for name, value in lines.items()}
    assert found["recordings"].endswith("of 5 species")
    assert found["a step"].endswith("44 windows")
    assert found["steps"].startswith("7, ")
    assert float(found["parameters"].split()[0]) > 0.1
    assert not output.exists()
