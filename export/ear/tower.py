"""The layers of BirdNET v2.4 as a tower that a student begins with, half as wide.

python -m export.ear.tower FOLDER --data DATA [--ear birdnet] [--share 0.5]

The tower hears our log-mel, with half as many frames as the network's spectrograms. Channels are
left out, and the others fitted to the network's activations on recordings; no label is needed. What
is made so is under the network's licence, and is never in this repository.
"""

import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from edge.command.parser import Parser
from edge.contract.arrays import Float32s
from edge.contract.audio import repeat_pad
from edge.contract.errors import AudioError, ConfigError, DatasetError
from export.ear.inheritance import BIRDNET, Activations, Inheritance, Layout, View
from export.ear.pruning import fit_pointwise, fitted, prune
from export.tflite.converter import convert
from gallery.command import run
from gallery.data.corpora import open_dataset
from gallery.data.dataset import UNLABELLED, Dataset
from train.ears.labels import known_ids
from train.ears.recipe import Recipe, locate
from train.engine.loop import seed_everything
from train.model.inherited import InheritedTower, loudness
from train.model.start import LabelLayer, StudentInit
from train.sound.features import read_waveform

_WINDOWS = 300
"""Of as many recordings, that the layers are fitted on."""
_FREE = 1e-3
"""Prior of what has no weights to stay near to."""


def inherit(recipe: Recipe, file: Path, dataset: Dataset, share: float = 0.5) -> StudentInit:
    """Start of a student from a network's file.

    Args:
        recipe: BirdNET v2.4's.
        file: of the network.
        dataset: recordings to fit on.
        share: of the channels that stays.

    Raises:
        ConfigError: the share is no share.
        DatasetError: it is another network, or no recording is readable.
    """
    if not 0 < share <= 1:
        raise ConfigError(f"share: {share:g} is not above 0 and at most 1")
    inheritance = Inheritance(convert(file))
    heard = inheritance.hear(draw_windows(dataset, recipe))
    return begin(inheritance, heard, share, known_ids(recipe, file.parent))


def begin(
    inheritance: Inheritance, heard: Activations, share: float, labels: tuple[str, ...]
) -> StudentInit:
    """Start of a student from a network's layers, whose tower is fitted in place.

    Args:
        inheritance: what it takes over.
        heard: what the network makes of some windows.
        share: of the channels that stays.
        labels: species ids of the network's labels.
    """
    tower = fit_tower(inheritance.tower, heard, BIRDNET, share)
    weight, bias = inheritance.classifier()
    return StudentInit(
        audio_config=BIRDNET.config(block.size for block in tower.each_block()),
        spec=BIRDNET.spec,
        weights=tower.state_dict(),
        classifier=LabelLayer(labels, weight, bias),
    )


def draw_windows(dataset: Dataset, recipe: Recipe) -> list[Float32s]:
    """A window each of some recordings, drawn by torch's seed, float32[samples].

    Raises:
        DatasetError: no recording is readable.
    """
    windows = list(islice(_windows(dataset, recipe), _WINDOWS))
    if not windows:
        raise DatasetError(f"{dataset.path}: no recording is readable")
    return windows


@torch.no_grad()
def fit_tower(
    tower: InheritedTower, heard: Activations, layout: Layout, share: float
) -> InheritedTower:
    """Make a network's layers do with our front end, and with some of their channels, in place.

    Args:
        tower: with all of the network's channels.
        heard: what the network makes of some windows.
        layout: of the network.
        share: of the channels that stays.
    """
    for n, view in enumerate(layout.views):
        loud = _at_frames(loudness(heard.log_mel)[:, 0], view, layout, heard.views.shape[2])
        rows, wanted = loud.flatten(0, 1), heard.views[:, n].flatten(0, 1)
        tower.scales[n], tower.floors[n, 0] = fitted(rows, wanted, tower.scales[n], _FREE)
    below = tower.stemmed(tower.views(heard.log_mel))
    fit_pointwise(tower.pooled, below, heard.pooled, _FREE)
    prune(tower, tower.pooled(below), heard.blocks, share)
    return tower


def _at_frames(loud: Tensor, view: View, layout: Layout, frames: int) -> Tensor:
    """float32[windows, our frames, mel_bins], in the middle of each frame of a view."""
    middles = torch.arange(frames) * view.hop_samples + view.fft_samples / 2
    places = middles / layout.spec.hop_samples
    before = places.long().clamp(max=loud.shape[1] - 2)
    return torch.lerp(loud[:, before], loud[:, before + 1], (places - before)[:, None])


def _windows(dataset: Dataset, recipe: Recipe) -> Iterator[Float32s]:
    """A window of every readable recording, in an order drawn by torch's seed."""
    items = [
        item
        for item in dataset.items
        if item.kind == "audio" and item.split in ("train", UNLABELLED)
    ]
    for number in torch.randperm(len(items)).tolist():
        try:
            waveform = read_waveform(items[number], recipe.rate_hz).numpy()
        except AudioError:
            continue
        whole = repeat_pad(waveform, recipe.window_samples)
        start = int(torch.randint(len(whole) - recipe.window_samples + 1, ()))
        yield whole[start : start + recipe.window_samples]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m export.ear.tower", description=__doc__)
    add = parser.add_argument
    add("folder", type=Path)
    add("--data", required=True, metavar="DATA", help="data set with recordings of birds")
    add("--ear", default="birdnet", metavar="NAME|FOLDER")
    add("--share", type=float, default=0.5, help="of the channels that stays (default: 0.5)")
    args = parser.parse_args(argv)

    def command() -> None:
        seed_everything(0)
        start = inherit(*locate(args.ear), open_dataset(args.data), args.share)
        start.save(args.folder)
        print(args.folder)

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
