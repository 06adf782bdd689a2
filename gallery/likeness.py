"""Likeness of sounds in a bundle: how far what a station is taught by ear may be trusted.

python -m gallery.likeness BUNDLE --recordings DIR ... [--background DIR ...] [--features TENSOR]
                                  [--split NAME] [--hop S] [--only exemplars|rejects]

Recordings with their recordists (`attribution`, or `individual`) show how alike two sounds of a
species are, and two parts of one recording; the maps go into the calibration of each precision and
species set, which otherwise stays. Training should not have heard the recordings.

With --features sounds are compared by that tensor of the encoders, along axes that are laid by the
same recordings; else by the embedding. Axes are part of a model: what stations were taught by them
means nothing by others.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge.command.parser import Parser, positive_number
from edge.contract.arrays import Float16s
from edge.contract.bundle import Bundle, load_bundle, npy_bytes, write_bundle
from edge.contract.calibration import Calibration
from edge.contract.editing import editing
from edge.contract.errors import BundleError, DatasetError
from edge.contract.manifest import FEATURES, FeatureSpec
from edge.recognition.encoder import Encoder
from edge.recognition.runtime import RuntimeOptions
from edge.recognition.sounds import SoundSpace
from gallery.calibration.embedding import EmbeddedWindows, embed
from gallery.calibration.likeness import (
    AXES,
    SoundWindows,
    fit_exemplars,
    fit_rejects,
    lay_axes,
    with_maps,
)
from gallery.calibration.recordings import read_recordings
from gallery.command import run

KINDS = ("exemplars", "rejects")


@dataclass(frozen=True)
class _EmbeddedSet:
    """A data set as an encoder hears it."""

    windows: EmbeddedWindows
    species: list[str]
    """Of each recording; empty without a bird."""
    authors: list[str]


def learn_likeness(
    path: Path,
    folders: Sequence[Path],
    backgrounds: Sequence[Path] = (),
    split: str = "test",
    features: str | None = None,
    kinds: Sequence[str] = KINDS,
    hop_s: float | None = None,
) -> list[str]:
    """Write axes, if features are named, and maps of likeness into a bundle.

    Args:
        path: of the bundle.
        folders: data sets of birds.
        backgrounds: data sets of recordings without one.
        split: of both; rows without a split are taken.
        features: tensor of the encoders; None leaves the bundle's way to compare as it is.
        kinds: of maps.
        hop_s: from one window to the next; None: the bundle's.

    Returns:
        A line a map, for a person.

    Raises:
        BirdlistenError: bundle or recordings can't be used, or the bundle has axes already, or no
            calibration; it stays as it was.
    """
    bundle = load_bundle(path)
    if not bundle.calibration:
        raise BundleError(f"{path}: no calibration to add to; run python -m gallery.calibrate")
    if features and bundle.manifest.features:
        raise BundleError(f"{path}: has axes already, which stations may have been taught by")
    heard = [
        _hear(bundle, folder, split=split, birds=birds, features=features, hop_s=hop_s)
        for part, birds in ((folders, True), (backgrounds, False))
        for folder in part
    ]
    axes, manifest = bundle.features(), bundle.manifest
    if features:
        axes = _axes(heard)
        manifest = replace(manifest, features=FeatureSpec(features, AXES))
    windows = _windows(SoundSpace(axes), heard)
    fits = {"exemplars": fit_exemplars, "rejects": fit_rejects}
    maps = {kind: fits[kind](windows) if kind in kinds else None for kind in KINDS}
    table = {
        precision: {
            name: with_maps(Calibration.from_json(entry), **maps).to_json()
            for name, entry in sets.items()
        }
        for precision, sets in bundle.calibration.items()
    }
    contents = {"calibration": json.dumps(table, indent=1).encode()}
    if features and axes is not None:
        contents[FEATURES] = npy_bytes(axes)
    write_bundle(path, manifest, contents)
    return [
        f"{kind}: even at a cosine of {np.interp(0.5, found.probabilities, found.cosines):.3f}"
        for kind, found in maps.items()
        if found
    ]


def _hear(
    bundle: Bundle,
    folder: Path,
    split: str,
    birds: bool,
    features: str | None,
    hop_s: float | None,
) -> _EmbeddedSet:
    """The recordings of a data set; their sound is let go, for it is hours."""
    manifest = bundle.manifest
    rate_hz, spec = manifest.audio.sample_rate_hz, manifest.audio
    if hop_s is not None:
        spec = replace(spec, hop_samples=round(hop_s * rate_hz))
    recordings = read_recordings(folder, split, rate_hz, birds=birds)
    if not recordings:
        raise DatasetError(f"{folder}: no recordings in split {split}")
    tensor = features or (manifest.features.tensor if manifest.features else None)
    graph = bundle.encoder_bytes(manifest.precisions[0])
    return _EmbeddedSet(
        windows=embed(recordings, Encoder(graph, RuntimeOptions(threads=0), tensor), spec),
        species=[next(iter(recording.species_ids), "") for recording in recordings],
        authors=[recording.author for recording in recordings],
    )


def _axes(heard: Sequence[_EmbeddedSet]) -> Float16s:
    """Axes laid by what passes the gate."""
    parts = [part.windows for part in heard]
    held = [part.features[part.audible] for part in parts if part.features is not None]
    return lay_axes(np.concatenate(held))


def _windows(space: SoundSpace, heard: Sequence[_EmbeddedSet]) -> SoundWindows:
    first, sounds, owners = 0, [], []
    for part in heard:
        found = part.windows
        sounds.append(space.of(found.embeddings, found.features)[found.audible])
        owners.append(first + found.owners[found.audible])
        first += len(part.species)
    return SoundWindows(
        sounds=np.concatenate(sounds),
        owners=np.concatenate(owners),
        species=[species for part in heard for species in part.species],
        authors=[author for part in heard for author in part.authors],
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python -m gallery.likeness", description=__doc__)
    add = parser.add_argument
    add("bundle", type=Path)
    add("--recordings", type=Path, nargs="+", metavar="DIR", required=True)
    add("--background", type=Path, nargs="+", metavar="DIR", default=())
    add("--split", default="test")
    add("--features", metavar="TENSOR", help="of the encoders, to compare sounds by")
    add("--hop", type=positive_number, metavar="S", help="from window to window (the bundle's)")
    add("--only", choices=KINDS, help="that map alone")
    args = parser.parse_args(argv)

    def command() -> None:
        kinds = KINDS if args.only is None else (args.only,)
        with editing(args.bundle):
            lines = learn_likeness(
                args.bundle,
                folders=args.recordings,
                backgrounds=args.background,
                split=args.split,
                features=args.features,
                kinds=kinds,
                hop_s=args.hop,
            )
        print(*lines, sep="\n")

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
