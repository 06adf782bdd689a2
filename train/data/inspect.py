"""Inspection of a corpus, by decoding every file of it."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from tqdm import tqdm

from edge.contract.errors import BirdlistenError
from edge.source.recording import read_blocks
from gallery.data.dataset import Dataset, Item
from gallery.data.reading import read_item

COLUMNS = ("kind", "split", "files", "hours", "species", "unreadable", "licences")
_CHUNK = 16
_LICENCES = 3


@dataclass(frozen=True)
class Checked:
    """One file after decoding."""

    item: Item
    seconds: float
    """Of sound; 0 for a picture or a video."""
    reason: str
    """Why it is not readable; empty if it is."""


def inspect(dataset: Dataset, workers: int | None = None) -> tuple[list[list[str]], list[Checked]]:
    """Count recordings, hours, species, licences and unreadable files.

    Args:
        dataset: any corpus.
        workers: processes that decode; None takes one a core.

    Returns:
        A row of COLUMNS a kind and split, and the files that can't be read.
    """
    with ProcessPoolExecutor(workers, mp_context=get_context("forkserver")) as pool:
        found = pool.map(check, dataset.items, chunksize=_CHUNK)
        checked = list(tqdm(found, "decode", total=len(dataset.items), disable=None))
    groups: dict[tuple[str, str], list[Checked]] = {}
    for file in checked:
        groups.setdefault((file.item.kind, file.item.split), []).append(file)
    rows = [_row(*key, groups[key]) for key in sorted(groups)]
    return rows, [file for file in checked if file.reason]


def check(item: Item) -> Checked:
    """Decode one file; a video is only looked for."""
    try:
        return Checked(item, _seconds(item), "")
    except BirdlistenError as error:
        return Checked(item, 0.0, str(error))


def to_text(rows: Iterable[Sequence[str]]) -> str:
    """Rows with aligned columns."""
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in table)
    return "\n".join(lines)


def _seconds(item: Item) -> float:
    if item.kind == "image":
        from edge.recognition.pictures import open_picture

        open_picture(item.path)
    if item.kind != "audio":
        return 0.0
    if item.is_whole:
        return sum(len(block.samples) / block.rate_hz for block in read_blocks(item.path))
    part, rate_hz = read_item(item)
    return len(part) / rate_hz


def _row(kind: str, split: str, checked: Sequence[Checked]) -> list[str]:
    species = {name for file in checked for name in (file.item.species_id, *file.item.also)} - {""}
    licences = sorted({file.item.licence for file in checked})
    more = f" and {len(licences) - _LICENCES} more" if len(licences) > _LICENCES else ""
    hours = sum(file.seconds for file in checked) / 3600
    unreadable = sum(bool(file.reason) for file in checked)
    numbers = (str(len(checked)), f"{hours:.2f}", str(len(species)), str(unreadable))
    return [kind, split, *numbers, ", ".join(licences[:_LICENCES]) + more]
