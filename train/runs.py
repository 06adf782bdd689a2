"""Folders of runs and caches, and the newest run."""

import time
from pathlib import Path

from edge.contract.errors import DatasetError
from gallery.data.dataset import Dataset

RUNS = Path("runs")
CACHE = RUNS / "cache"


def new_run(dataset: Dataset) -> Path:
    """`runs/distill-<data set>-<local time>`."""
    return RUNS / f"distill-{dataset.name}-{time.strftime('%Y%m%d-%H%M%S')}"


def newest_run() -> Path:
    """The distilled checkpoint written last.

    Raises:
        DatasetError: there is none.
    """
    found = sorted(RUNS.glob("*/checkpoint.json"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise DatasetError(
            f"{RUNS}: no distilled checkpoint here; make one: python -m train.distill"
        )
    return found[-1].parent


def synthetic_name(path: Path, dataset: Dataset) -> Path:
    """Put `aviary` into the name of everything that is trained on synthetic birds."""
    return marked(path, "aviary") if dataset.synthetic else path


def marked(path: Path, word: str) -> Path:
    """A run's folder, with a word in its name that everybody has to see."""
    is_marked = f"-{word}-" in f"-{path.name}-"
    return path if is_marked else path.with_name(f"{path.name}-{word}")
