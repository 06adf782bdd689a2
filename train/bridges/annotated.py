"""Figures of a localisation on published pictures whose sounding objects people have marked.

python -m train.bridges annotated RUN --data vggss:FOLDER|flickr:FOLDER [--boxes PATH]
                                      [--list FILE.csv] [--against RUN] [--output FILE.json]
                                      [--page FILE.png]

The layout is that of EZ-VSL's and AVC-KD's code: frames/ID.jpg, audio/ID.flac (or .wav), and
vggss.json (VGG-SS) or annotations/ID.xml (Flickr-SoundNet). Of a sound its middle is heard, where
the frame is from; a frame is squeezed to a square, as there. What several boxes are together is
told in each way that papers count it: their union, the first alone (AVC-KD on VGG-SS), half of the
votes (Flickr-SoundNet). An oracle and a blind disc stand beside each.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from edge.contract.arrays import Float32s
from edge.contract.audio import repeat_pad
from edge.contract.errors import AudioError, DatasetError, PictureError
from edge.recognition.pictures import open_picture
from edge.source.recording import read_recording
from edge.source.resampling import resample
from gallery.command import run
from train.bridges.annotations import FLICKR, AnnotatedPicture, consensus_map, read_annotated
from train.bridges.command import figures_parser, write_figures
from train.bridges.localisation import FIXED, RunFigures, check_scene, spread
from train.bridges.localisation_metrics import median_cious, truth_map, upsampled
from train.bridges.localisation_tables import (
    fixed_table,
    judged_at,
    median_table,
    negative_table,
    paired_gain,
)
from train.bridges.localiser import Localiser, load_localiser
from train.bridges.maps_page import MapExample, draw_maps
from train.bridges.moments import negative_windows
from train.model.frontend import LogMel

_LOG = logging.getLogger(__name__)
_EXAMPLES, _BATCH = 12, 32
_OWN = "own"


@dataclass(frozen=True, kw_only=True)
class AnnotatedMaps:
    """Maps of what is readable of a set, cosines: float32[n, h, w]."""

    pictures: list[AnnotatedPicture]
    own: Float32s
    """Of each picture's own sound."""
    negative: dict[str, Float32s]
    """Of sounds that nothing makes, by name."""


def annotated_maps(pictures: Sequence[AnnotatedPicture], localiser: Localiser) -> AnnotatedMaps:
    """Look at a set a few pictures at a time; what can't be read is named and left out.

    Raises:
        DatasetError: nothing can be read.
    """
    silent = {
        name: localiser.hear(window)[0].numpy()
        for name, window in negative_windows(localiser.input_spec).items()
    }
    kept, maps = list[AnnotatedPicture](), {name: list[Float32s]() for name in (_OWN, *silent)}
    fed = _fed(pictures, localiser)
    while batch := list(islice(fed, _BATCH)):
        some, pixels, windows = zip(*batch, strict=True)
        places = localiser.look(torch.stack(pixels)).numpy()
        heard = localiser.hear(torch.stack(windows)).numpy()
        kept += some
        maps[_OWN].append(np.einsum("nhwc,nc->nhw", places, heard))
        for name, sound in silent.items():
            maps[name].append(np.einsum("nhwc,c->nhw", places, sound))
    if not kept:
        raise DatasetError(f"none of {len(pictures)} pictures can be used; see the lines above")
    whole = {name: np.concatenate(parts) for name, parts in maps.items()}
    return AnnotatedMaps(pictures=kept, own=whole.pop(_OWN), negative=whole)


def _fed(
    pictures: Sequence[AnnotatedPicture], localiser: Localiser
) -> Iterator[tuple[AnnotatedPicture, Tensor, Tensor]]:
    """Readable pictures with the pixels and the window that the students are fed."""
    spec = localiser.input_spec
    frontend = LogMel(spec.frontend)
    for picture in tqdm(pictures, "pictures", disable=None):
        try:
            pixels = _pixels(picture, localiser)
            waveform = resample(*read_recording(picture.sound), spec.frontend.sample_rate_hz)
        except (PictureError, AudioError) as error:
            _LOG.warning("%s; skipped", error)
            continue
        begin = max(len(waveform) - spec.window_samples, 0) // 2
        middle = repeat_pad(waveform[begin : begin + spec.window_samples], spec.window_samples)
        with torch.inference_mode():
            yield picture, pixels, frontend(torch.from_numpy(middle)[None])[0]


def _pixels(picture: AnnotatedPicture, localiser: Localiser) -> Tensor:
    config = localiser.image_student.config
    return config.prepare(open_picture(picture.picture).resize((config.side, config.side)))


def truths_of(kind: str, pictures: Sequence[AnnotatedPicture]) -> dict[str, list[Float32s]]:
    """Truth of each picture, by the way in which several boxes become one; the usual way first."""
    union = [truth_map(picture.boxes) for picture in pictures]
    if kind == FLICKR:
        return {"consensus": [consensus_map(picture.boxes) for picture in pictures], "union": union}
    return {"union": union, "first box": [truth_map(picture.boxes[:1]) for picture in pictures]}


def judge_annotated(found: AnnotatedMaps, kind: str) -> RunFigures:
    """Figures of a run on a set of a kind."""
    truths, wide = truths_of(kind, found.pictures), upsampled(found.own)
    usual = next(iter(truths.values()))
    fixed = judged_at(wide, np.stack(usual), FIXED)
    at_fixed = fixed_table(fixed)
    table = {
        "pictures": len(found.pictures),
        "median": median_table(wide, truths),
        "fixed": at_fixed,
        "negative": negative_table(
            found.negative, own=found.own, threshold=FIXED, area=at_fixed["AUC"]
        ),
    }
    return RunFigures(table=table, fixed=fixed, cious=median_cious(wide, usual), maps=found.own)


def annotated(
    folder: Path,
    data: str,
    *,
    pictures: Sequence[AnnotatedPicture],
    against: Path | None = None,
    page: Path | None = None,
) -> dict[str, Any]:
    """Figures of a run, and its gain over another on the same pictures.

    Args:
        folder: of the run.
        data: `KIND:FOLDER`, told in the table.
        pictures: of it.
        against: another run.
        page: PNG of maps to draw.

    Raises:
        DatasetError: a run or the pictures can't be used, or the runs can't be compared.
    """
    kind, localiser = data.partition(":")[0], load_localiser(folder)
    other_localiser = load_localiser(against) if against else None
    if other_localiser:
        check_scene(localiser, other_localiser)
    found = annotated_maps(pictures, localiser)
    figures = judge_annotated(found, kind)
    table = {"run": folder.name, "data": data, **figures.table}
    if page:
        draw_maps(_examples(found, localiser), page, threshold=FIXED)
    if against and other_localiser:
        other = judge_annotated(annotated_maps(found.pictures, other_localiser), kind)
        table["against"] = {"run": against.name, **other.table}
        table["gain"] = paired_gain(
            (figures.fixed, figures.cious), (other.fixed, other.cious), range(len(figures.maps))
        )
    return table


def _examples(found: AnnotatedMaps, localiser: Localiser) -> list[MapExample]:
    """Pictures evenly spread over the set."""
    return [
        MapExample(
            picture=_pixels(found.pictures[place], localiser).numpy(),
            boxes=found.pictures[place].boxes,
            scores=found.own[place],
            title=found.pictures[place].name,
        )
        for place in spread(np.arange(len(found.pictures)), _EXAMPLES)
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = figures_parser("annotated", __doc__)
    parser.add_argument("--data", required=True, metavar="KIND:FOLDER", help="vggss: or flickr:")
    parser.add_argument("--boxes", type=Path, metavar="PATH", help="vggss.json, or folder of XML")
    parser.add_argument("--list", type=Path, metavar="FILE", help="CSV of the ids to be used")
    args = parser.parse_args(argv)

    def command() -> None:
        pictures = read_annotated(args.data, args.boxes, args.list)
        table = annotated(
            args.run, args.data, pictures=pictures, against=args.against, page=args.page
        )
        write_figures(table, args.output)

    return run(command)
