"""Journal of a training, step by step: JSON lines, and TensorBoard beside them."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from train.engine.wandb_board import open_board

TENSORBOARD = "tensorboard"


@contextmanager
def open_log(
    log: Path | None, step: int, project: str = ""
) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Write metrics to a file and to TensorBoard, after the first `step` lines that it has.

    Args:
        log: JSON lines; None writes nothing.
        step: where a training goes on; what was written of later steps is dropped.
        project: of Weights & Biases, which is told, too; empty tells nobody.

    Yields:
        What writes one step's metrics; "step" says which.
    """
    if log is None:
        yield lambda metrics: None
        return
    from torch.utils.tensorboard import SummaryWriter

    before = log.read_text(encoding="utf-8").splitlines(keepends=True)[:step] if step else []
    board = SummaryWriter(log.parent / TENSORBOARD / log.stem, purge_step=step)
    with (
        log.open("w", encoding="utf-8", buffering=1) as lines,
        open_board(project, log.parent) as tell,
    ):
        lines.writelines(before)

        def write(metrics: Mapping[str, Any]) -> None:
            lines.write(json.dumps(metrics) + "\n")
            tell(metrics)
            for name, value in metrics.items():
                if name != "step":
                    board.add_scalar(name, value, metrics["step"])

        try:
            yield write
        finally:
            board.close()
