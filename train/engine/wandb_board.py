"""Figures of a training in Weights & Biases, beside TensorBoard."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge.contract.errors import MissingPackageError

_ID = "wandb.id"
"""File that says which run goes on when the training does."""


def check_board(project: str) -> None:
    """Refuse a project that nobody could tell of, before anything is decoded.

    Raises:
        MissingPackageError: wandb is not installed.
    """
    if project:
        _wandb()


@contextmanager
def open_board(project: str, folder: Path) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Tell a project of the metrics of a training.

    Args:
        project: empty tells nobody.
        folder: of the training; its name is the run's.

    Yields:
        What tells one step's metrics; "step" says which.
    """
    if not project:
        yield lambda metrics: None
        return
    file = folder / _ID
    if not file.is_file():
        file.write_text(secrets.token_hex(8), encoding="utf-8")
    run = _wandb().init(
        project=project,
        name=folder.name,
        id=file.read_text(encoding="utf-8"),
        resume="allow",
        dir=str(folder),
    )

    def write(metrics: Mapping[str, Any]) -> None:
        figures = {name: value for name, value in metrics.items() if name != "step"}
        run.log(figures, step=metrics["step"])

    try:
        yield write
    finally:
        run.finish()


def _wandb() -> Any:
    try:
        import wandb
    except ImportError as error:
        raise MissingPackageError(
            "wandb: is not installed: pip install 'birdlisten[wandb]', or pip install wandb"
        ) from error
    return wandb
