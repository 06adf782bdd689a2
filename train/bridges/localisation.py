"""Figures of a localisation on clips whose truth is known, beside an oracle and a blind disc.

python -m train.bridges localisation RUN [--against RUN] [--data KIND:DIR] [--split SPLIT]
                                         [--output FILE.json] [--page FILE.png]

No teacher is used. The threshold that holds for all pictures is chosen on the validation clips of
the data that the run learned from, as its weights were, and never on those that are judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.arrays import Float32s, Float64s, Places
from edge.contract.errors import DatasetError
from gallery.command import run
from gallery.teacher import Teacher, load_teacher
from train.bridges.clips import open_clips
from train.bridges.command import figures_parser, write_figures
from train.bridges.fixed_threshold import Judged
from train.bridges.localisation_metrics import median_cious, upsampled
from train.bridges.localisation_tables import (
    fixed_table,
    judged_at,
    median_table,
    negative_table,
    paired_gain,
)
from train.bridges.localiser import Localiser, load_localiser
from train.bridges.maps_page import MapExample, draw_maps
from train.bridges.moments import (
    OFF_SCREEN,
    HeardMoment,
    heard_moments,
    negative_windows,
    truths,
    visible,
)
from train.bridges.negative_audio import universal_thresholds
from train.bridges.pairs import PairSet, load_pairs
from train.bridges.pixels import FramePixels, load_pixels
from train.bridges.truth import read_truth
from train.model.checkpoint import load_checkpoint
from train.runs import CACHE

_EXAMPLES, _HIDDEN = 9, 3
"""Moments on the page of maps: with the singer in view, and without."""
FIXED = 0.0
"""Cosine in the middle of SLAVC's fixed bounds, -1 / tau and 1 / tau."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Clips of a split as a localiser is judged on them."""

    pairs: PairSet
    pixels: FramePixels
    moments: list[HeardMoment]

    @property
    def clips(self) -> list[int]:
        """Clip of each moment."""
        return [moment.clip for moment in self.moments]

    @property
    def seen(self) -> list[HeardMoment]:
        """Moments with a box."""
        return [moment for moment in self.moments if moment.visible]


@dataclass(frozen=True, kw_only=True)
class SceneMaps:
    """Maps of a scene, cosines: float32[n, h, w]."""

    own: Float32s
    """Of each moment's own sound."""
    negative: dict[str, Float32s]
    """Of sounds that nothing in the frame makes, by kind; none is empty."""


@dataclass(frozen=True, kw_only=True)
class RunFigures:
    """Figures of a run, and what they were made of."""

    table: dict[str, Any]
    fixed: Judged
    cious: Float64s
    """By the median, float64[n]; 0 without a box."""
    maps: Float32s
    """Cosines, float32[n, h, w]."""


def open_scene(data: str, split: str, localiser: Localiser, teacher: Teacher, frames: int) -> Scene:
    """Clips of a split whose truth lies beside them.

    Raises:
        DatasetError: no such clips, no truth, or nobody is seen singing.
    """
    clips = open_clips(data)
    truth = read_truth(clips.path)
    pairs = load_pairs(
        clips,
        split,
        spec=localiser.input_spec.frontend,
        teacher=teacher,
        frames=frames,
        cache=CACHE,
    )
    moments = heard_moments(pairs, truth)
    if not any(moment.visible for moment in moments):
        raise DatasetError(f"{clips.path}: no bird is seen while it sings in split {split!r}")
    config = localiser.image_student.config
    pixels = load_pixels(pairs.clips, pairs.bank.times_s, config, CACHE)
    return Scene(pairs=pairs, pixels=pixels, moments=moments)


def scene_maps(localiser: Localiser, scene: Scene) -> SceneMaps:
    """Maps of all moments, each of its own sound and of negative ones."""
    moments = scene.moments
    frames = scene.pixels.of(scene.clips, [moment.moment for moment in moments])
    places = localiser.look(frames).numpy()
    times_s = [moment.time_s for moment in moments]
    heard = localiser.hear(localiser.windows(scene.pairs, scene.clips, times_s)).numpy()
    own = np.einsum("nhwc,nc->nhw", places, heard)
    seen = visible(moments)
    negative = {
        kind: np.einsum("nhwc,c->nhw", places[seen], localiser.hear(window)[0].numpy())
        for kind, window in negative_windows(localiser.input_spec).items()
    }
    if not seen.all():
        negative[OFF_SCREEN] = own[~seen]
    return SceneMaps(own=own, negative=negative)


def judge_run(localiser: Localiser, scene: Scene, chosen_by: Scene) -> RunFigures:
    """Figures of a run.

    Args:
        localiser: of the run.
        scene: that it is judged on.
        chosen_by: validation clips, whose negative sounds choose the threshold.
    """
    maps, quiet = scene_maps(localiser, scene), scene_maps(localiser, chosen_by).negative
    thresholds = universal_thresholds(np.concatenate([*quiet.values()]))
    seen, truth = visible(scene.moments), truths(scene.moments)
    wide = upsampled(maps.own)
    fixed = judged_at(wide, truth, FIXED)
    cious = np.zeros(len(seen))
    cious[seen] = median_cious(wide[seen], [*truth[seen]])
    at_universal = fixed_table(judged_at(wide, truth, thresholds.trimmed))
    table = {
        "moments": {"seen": int(seen.sum()), "off-screen": int((~seen).sum())},
        "median": median_table(
            wide[seen], {"union": [*truth[seen]], "first box": [*truths(scene.seen, first=True)]}
        ),
        "fixed": fixed_table(fixed),
        "thresholds": thresholds.to_json(),
        "universal": at_universal,
        "negative": {
            name: negative_table(
                maps.negative,
                own=maps.own[seen],
                threshold=threshold,
                area=fixed_table(judged_at(wide, truth, threshold))["AUC"],
            )
            for name, threshold in {"fixed": FIXED, **thresholds.to_json()}.items()
        },
    }
    return RunFigures(table=table, fixed=fixed, cious=cious, maps=maps.own)


def examples(figures: RunFigures, scene: Scene) -> list[MapExample]:
    """Moments evenly spread over the clips, some of singers that are off-screen among them."""
    seen = visible(scene.moments)
    hidden = spread(np.flatnonzero(~seen), _HIDDEN)
    places = sorted(spread(np.flatnonzero(seen), _EXAMPLES) + hidden)
    return [
        MapExample(
            picture=scene.pixels.of([moment.clip], [moment.moment])[0].numpy(),
            boxes=moment.boxes,
            scores=figures.maps[place],
            title=scene.pairs.clips[moment.clip].label.replace("_", " "),
        )
        for place, moment in ((place, scene.moments[place]) for place in places)
    ]


def spread(places: Places, count: int) -> list[int]:
    """So many of them at most, evenly spread."""
    if not len(places):
        return []
    chosen: list[int] = places[
        np.unique(np.linspace(0, len(places) - 1, count).astype(int))
    ].tolist()
    return chosen


def check_scene(localiser: Localiser, other: Localiser) -> None:
    """Refuse to judge another run on this one's scene, which it would hear or see otherwise.

    Raises:
        DatasetError: names what differs.
    """
    mine, others = localiser.image_student.config, other.image_student.config
    differ = {
        "front end": (localiser.input_spec.frontend, other.input_spec.frontend),
        "side of pictures": (mine.side, others.side),
        "preprocessing of pictures": (mine.preprocess, others.preprocess),
    }
    told = [f"{name} ({this} and {that})" for name, (this, that) in differ.items() if this != that]
    if told:
        raise DatasetError(
            f"--against: both runs are judged on the same log-mels and pictures; these differ: "
            f"{'; '.join(told)}; judge each by itself"
        )


def localisation(
    folder: Path, data: str, split: str, against: Path | None, page: Path | None
) -> dict[str, Any]:
    """Figures of a run, and its gain over another on the same moments.

    Raises:
        DatasetError: a run or clips can't be used, or the runs can't be compared.
    """
    learned, localiser = load_checkpoint(folder).config, load_localiser(folder)
    other_localiser = load_localiser(against) if against else None
    if other_localiser:
        check_scene(localiser, other_localiser)
    teacher = load_teacher(learned["teacher"])
    frames = int(learned["frames"])
    scene = open_scene(
        data or learned["data"], split, localiser=localiser, teacher=teacher, frames=frames
    )
    chosen_by = open_scene(
        learned["data"], "validation", localiser=localiser, teacher=teacher, frames=frames
    )
    figures = judge_run(localiser, scene, chosen_by)
    table = {"run": folder.name, "data": data or learned["data"], "split": split, **figures.table}
    if page:
        draw_maps(examples(figures, scene), page, threshold=table["thresholds"]["trimmed"])
    if against and other_localiser:
        other = judge_run(other_localiser, scene, chosen_by)
        table["against"] = {"run": against.name, **other.table}
        table["gain"] = paired_gain(
            (figures.fixed, figures.cious), (other.fixed, other.cious), scene.clips
        )
    return table


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = figures_parser("localisation", __doc__)
    parser.add_argument("--data", default="", help="clips with a truth; default: the run's own")
    parser.add_argument("--split", default="test")
    args = parser.parse_args(argv)

    def command() -> None:
        table = localisation(
            args.run, data=args.data, split=args.split, against=args.against, page=args.page
        )
        write_figures(table, args.output)

    return run(command)
