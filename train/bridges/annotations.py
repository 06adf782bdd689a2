"""Published boxes of sounding objects: Flickr-SoundNet's XML and VGG-SS' JSON."""

import csv
import json
import logging
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.contract.arrays import Float32s
from edge.contract.errors import DatasetError
from train.bridges.localisation_metrics import SIDE, Box, truth_map

_LOG = logging.getLogger(__name__)
VGG_SS, FLICKR = "vggss", "flickr"
"""Kinds of annotated sets."""
_BOXES = {VGG_SS: "vggss.json", FLICKR: "annotations"}
"""Where each lies in its folder, unless it is named."""
_FLICKR_SIDE = 256
"""Pixels of a side that Flickr-SoundNet's annotators saw."""
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class SoundingObject:
    """Sounding object of a picture of VGG-SS."""

    file: str
    """`<youtube id>_<first second>`."""
    name: str
    """Class, such as `bird chirping, tweeting`."""
    boxes: tuple[Box, ...]
    """At least one; AVC-KD keeps the first, the others their union."""


@dataclass(frozen=True, kw_only=True)
class AnnotatedPicture:
    """A frame, the sound around it, and where in the frame annotators saw what makes it."""

    name: str
    picture: Path
    sound: Path
    boxes: tuple[Box, ...]


def read_annotated(
    data: str, boxes: Path | None = None, listed: Path | None = None
) -> list[AnnotatedPicture]:
    """The pictures of an annotated set in the layout of EZ-VSL's and AVC-KD's code.

    FOLDER/frames/ID.jpg, FOLDER/audio/ID.flac or .wav; boxes in FOLDER/vggss.json, or in
    FOLDER/annotations/ID.xml. Ids whose picture or sound is lacking are counted and left out, as
    videos vanish from where they were.

    Args:
        data: `vggss:FOLDER` or `flickr:FOLDER`.
        boxes: the file or folder of boxes; None: as above.
        listed: CSV whose first column holds the ids to use (vggss_test.csv, flickr_test.csv); None:
            all that have boxes.

    Raises:
        DatasetError: another kind, no boxes, or not one picture with its sound.
    """
    kind, _, place = data.partition(":")
    if kind not in _BOXES or not place:
        raise DatasetError(f"{data}: expected {VGG_SS}:FOLDER or {FLICKR}:FOLDER")
    folder = Path(place)
    found = _boxes(kind, boxes or folder / _BOXES[kind])
    wanted = list(found) if listed is None else _read_ids(listed)
    pictures, sounds = (_by_stem(folder / room) for room in ("frames", "audio"))
    whole = [name for name in wanted if name in found and name in pictures and name in sounds]
    if not whole:
        raise DatasetError(
            f"{folder}: of {len(wanted)} ids none has boxes, frames/ID.jpg and audio/ID.flac (.wav)"
        )
    if len(whole) < len(wanted):
        lost = len(wanted) - len(whole)
        _LOG.warning("%d of %d ids left out, whose files are not all there", lost, len(wanted))
    return [
        AnnotatedPicture(name=name, picture=pictures[name], sound=sounds[name], boxes=found[name])
        for name in whole
    ]


def read_vgg_ss(path: Path) -> list[SoundingObject]:
    """Read vggss.json: a list of `file`, `class` and `bbox`, normalised [x1, y1, x2, y2] each.

    Raises:
        DatasetError: it is no such file.
    """
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
        return [_sounding(record) for record in records]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{path}: expected VGG-SS' list of file, class and bbox ({type(error).__name__}: "
            f"{error}); give its vggss.json"
        ) from error


def read_flickr_boxes(path: Path) -> list[Box]:
    """Read a picture's boxes by Flickr-SoundNet's annotators, as shares of the picture.

    Each `bbox` holds a leading child that is none of the corners, then the corners in px of 256.

    Raises:
        DatasetError: it is no such file, or holds no box.
    """
    try:
        found = [_flickr_box(box) for box in ElementTree.parse(path).getroot().iter("bbox")]
    except (OSError, ValueError, ElementTree.ParseError) as error:
        raise DatasetError(f"{path}: expected Flickr-SoundNet's XML ({error})") from error
    if not found:
        raise DatasetError(f"{path}: holds no bbox; expected those of its annotators")
    return found


def consensus_map(boxes: Sequence[Box]) -> Float32s:
    """Truth of several annotators: half their count at every pixel, at most 1.

    One annotator's pixel weighs 0.5, that of two and more 1 (Senocak et al. 2018, 1803.03849).

    Returns:
        float32[224, 224].
    """
    votes = sum((truth_map([box]) for box in boxes), start=np.zeros((SIDE, SIDE), np.float32))
    return np.minimum(votes / 2, 1)


def _boxes(kind: str, path: Path) -> dict[str, tuple[Box, ...]]:
    """The boxes of each id."""
    if kind == VGG_SS:
        return {record.file: record.boxes for record in read_vgg_ss(path)}
    if not path.is_dir():
        raise DatasetError(f"{path}: expected a folder of Flickr-SoundNet's XML; name it: --boxes")
    return {file.stem: tuple(read_flickr_boxes(file)) for file in sorted(path.glob("*.xml"))}


def _read_ids(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(dict.fromkeys(row[0].strip() for row in csv.reader(file) if row))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: expected a list of ids ({error})") from error


def _by_stem(folder: Path) -> dict[str, Path]:
    """The files of a folder by their names without suffix; none of no folder."""
    return {path.stem: path for path in sorted(folder.glob("*")) if path.is_file()}


def _sounding(record: dict[str, object]) -> SoundingObject:
    given = record["bbox"]
    if not isinstance(given, list):
        raise TypeError(f"bbox is {given!r}")
    if not given or any(len(corners) != len(_CORNERS) for corners in given):
        raise ValueError(f"bbox of {record['file']} is {given!r}")
    boxes = tuple((float(x1), float(y1), float(x2), float(y2)) for x1, y1, x2, y2 in given)
    return SoundingObject(str(record["file"]), str(record["class"]), boxes)


def _flickr_box(element: ElementTree.Element) -> Box:
    """Corners of a `bbox`, cut to whole pixels of 224 as the code cuts them."""
    values = [child.text or "" for child in element][1:]
    if len(values) != len(_CORNERS):
        raise ValueError(f"a bbox has {len(values)} corners, expected {', '.join(_CORNERS)}")
    x1, y1, x2, y2 = (int(SIDE * int(value) / _FLICKR_SIDE) / SIDE for value in values)
    return x1, y1, x2, y2
