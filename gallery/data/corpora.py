"""`data=KIND:FOLDER`: which corpus lies in a folder. Without a kind it is our own manifest.csv."""

from collections.abc import Callable
from pathlib import Path

from edge.contract.errors import DatasetError
from edge.contract.names import nearest
from gallery.data import (
    animalspeak,
    beans,
    birdclef,
    birdset,
    captioned,
    cub,
    events,
    inat,
    ssw60,
    xenocanto,
)
from gallery.data.dataset import Dataset, read_dataset

CORPORA: dict[str, Callable[[Path], Dataset]] = {
    "manifest": read_dataset,
    "inatsounds": inat.read_sounds,
    "inat21": inat.read_photographs,
    "ssw60": ssw60.read,
    "birdclef": birdclef.read,
    "xenocanto": xenocanto.read,
    "birdset": birdset.read,
    "animalspeak": animalspeak.read,
    "beans": beans.read,
    "cub": cub.read,
    "audioset": events.read_audioset,
    "audiocaps": captioned.read_audiocaps,
    "clotho": captioned.read_clotho,
    "esc50": events.read_esc50,
    "urbansound8k": events.read_urbansound8k,
}


def open_dataset(name: str) -> Dataset:
    """Read `KIND:FOLDER`, or a folder of our own.

    Raises:
        DatasetError: no such kind, or the folder isn't one.
    """
    kind, colon, folder = name.partition(":")
    if not colon:
        return read_dataset(Path(name))
    if kind not in CORPORA:
        kinds = ", ".join(CORPORA)
        raise DatasetError(f"{name}: no corpus {kind!r}{nearest(kind, CORPORA)}; there are {kinds}")
    return CORPORA[kind](Path(folder))
