"""Precomputed features of localisation's teachers: an .npy a clip, from whatever network.

AVC-KD's PANNs embeddings (`audio_feats/<id>.npy`, 2,048 wide) and DETR maps (`detr_dec_feats`, 25 x
25) are read as they are; `train.bridges.teacher_files` writes such files with the networks that
are here. A student that has learned knows nothing of them: at test there are no teachers.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.contract.arrays import Float32s
from edge.contract.atomic import write_atomic
from edge.contract.bundle import npy_bytes
from edge.contract.errors import DatasetError

SUFFIX = ".npy"


@dataclass(frozen=True)
class TeacherFeatures:
    """Features of one teacher for some clips."""

    values: Float32s
    """float32[clips, moments, *shape]; NaN where the teacher has none."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one: [width] of an embedding, [height, width] of a map."""
        return tuple(self.values.shape[2:])

    def of(self, clips: Sequence[int], moments: Sequence[int]) -> Float32s:
        """Features of moments of clips: float32[n, *shape]."""
        chosen: Float32s = self.values[np.asarray(clips), np.asarray(moments)]
        return chosen


def read_features(folder: Path, names: Sequence[str], moments: int, dims: int) -> TeacherFeatures:
    """Read a teacher's files.

    Args:
        folder: of `<name>.npy`, or `<name>.<anything>.npy` as AVC-KD names them; each
            float[*shape] for the whole clip, or float[moments, *shape].
        names: of the clips, in order; one without a file has no features (NaN).
        moments: of a clip.
        dims: of a feature: 1 of an embedding, 2 of a map.

    Raises:
        DatasetError: no folder, not one file, files of different shapes, or two clips of a name.
    """
    check_names(names)
    check_folder(folder)
    files = _files(folder, names)
    read = {name: _read(files[name], moments, dims) for name in names if name in files}
    shapes = {array.shape for array in read.values()}
    if len(shapes) != 1:
        found = ", ".join(map(str, sorted(shapes))) or "none of the clips' files"
        raise DatasetError(f"{folder}: expected features of one shape, found {found}")
    nothing = np.full(shapes.pop(), np.nan, np.float32)
    return TeacherFeatures(np.stack([read.get(name, nothing) for name in names]))


def write_features(folder: Path, name: str, values: Float32s) -> Path:
    """Write a clip's features where `read_features` finds them."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}{SUFFIX}"
    write_atomic(path, npy_bytes(values))
    return path


def check_folder(folder: Path) -> None:
    """Refuse what is no folder; raises DatasetError."""
    if not folder.is_dir():
        raise DatasetError(
            f"{folder}: no such folder of a teacher; make one: python -m "
            "train.bridges teacher-files"
        )


def check_names(names: Sequence[str]) -> None:
    """Refuse clips of the same name: a teacher's file would be that of both.

    Raises:
        DatasetError: names the first, and how many such names there are.
    """
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise DatasetError(
            f"teachers' files are named by clips: {len(twice)} names are those of several, first "
            f"{twice[0]!r}; give each clip's file a name of its own"
        )


def _files(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """Files by clip: first those of exactly its name, which may hold dots, then AVC-KD's."""
    whole = {path.name.removesuffix(SUFFIX): path for path in sorted(folder.glob(f"*{SUFFIX}"))}
    own = {*names}
    cut = {name.split(".")[0]: path for name, path in whole.items() if name not in own}
    return {**cut, **whole}


def _read(path: Path, moments: int, dims: int) -> Float32s:
    """A file as float32[moments, *shape]; what stands for a whole clip stands for each moment."""
    try:
        array = np.load(path, allow_pickle=False).astype(np.float32)
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(f"{path}: expected an array, found none ({error})") from error
    if array.ndim == dims:
        return np.broadcast_to(array, (moments, *array.shape))
    if array.ndim == dims + 1 and len(array) == moments:
        found: Float32s = array
        return found
    raise DatasetError(
        f"{path}: holds {array.shape}; expected {dims} dimensions, or {moments} times that"
    )
