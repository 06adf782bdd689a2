"""Embeddings of windows and pictures, made once by a model and kept."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from edge.contract.arrays import Array, Embeddings
from edge.contract.errors import DatasetError
from gallery.data.dataset import Item
from gallery.teacher import Teacher
from train.measure.baselines import unit
from train.model.student import embed_log_mels
from train.sound.cache import item_key, load_batches

_RECORDINGS, _PICTURES = 256, 1024
"""That are embedded before they are kept."""


@dataclass(frozen=True)
class KeptWindows:
    """Embeds windows of recordings, or reads what the same model has made of them before.

    A model is told by its weights, a recording by its file and how it is cut.
    """

    items: Sequence[Item]
    """Recordings."""
    cut: str
    """Name of how they are cut into windows and heard."""
    cache: Path
    unit: bool = True
    """The model's rows are of unit length."""

    def __call__(self, model: nn.Module, log_mels: Sequence[Tensor]) -> Embeddings:
        """Embeddings of all windows, float32[windows, dim]; as `embed_log_mels`.

        Args:
            model: float32[n, 1, frames, mel_bins] -> float32[n, dim].
            log_mels: float[windows, 1, frames, mel_bins] of each of the items.

        Raises:
            DatasetError: the model makes something that is no number.
        """
        lengths = [len(log_mel) for log_mel in log_mels]

        def embedded(places: Sequence[int]) -> Iterator[Array]:
            rows = embed_log_mels(model, (log_mels[place] for place in places)).numpy()
            if not np.isfinite(rows).all():
                raise DatasetError("the student embeds a window as no number: it has diverged")
            cuts = np.cumsum([lengths[place] for place in places])[:-1]
            yield from np.split(rows, cuts)

        folder = self.cache / f"embeddings-{weights_id(model)[:16]}-{self.cut}"
        keys = [item_key(item) for item in self.items]
        kept = load_batches(keys, folder, embedded, _RECORDINGS)
        rows = np.concatenate([array for array in kept if array is not None]).astype(np.float32)
        return unit(rows) if self.unit else rows


def embed_pictures(
    teacher: Teacher, pictures: Sequence[Item], cache: Path | None
) -> tuple[list[Item], Embeddings]:
    """The readable ones of some pictures, and their float32[n, dim], unit rows.

    Args:
        teacher: embeds them.
        pictures: files.
        cache: where their rows are kept; None keeps none.

    Raises:
        DatasetError: not one is readable.
    """
    if cache is None:
        return teacher.embed_pictures(pictures)

    def embedded(places: Sequence[int]) -> Iterator[Array | None]:
        wanted = [pictures[place] for place in places]
        found: dict[int, Array] = {}
        with suppress(DatasetError):  # of these not one is readable; others may be
            shown, rows = teacher.embed_pictures(wanted)
            found = {id(picture): row for picture, row in zip(shown, rows, strict=True)}
        yield from (found.get(id(picture)) for picture in wanted)

    folder = cache / f"pictures-{teacher.space_id[:16]}"
    kept = load_batches([item_key(item) for item in pictures], folder, embedded, _PICTURES)
    if not kept.present.any():
        raise DatasetError(f"none of {len(pictures)} pictures is readable")
    shown = [item for item, known in zip(pictures, kept.present, strict=True) if known]
    rows = np.stack([row for row in kept.readable if row is not None]).astype(np.float32)
    return shown, unit(rows)


def weights_id(model: nn.Module) -> str:
    """sha256 of a model's weights by name."""
    digest = hashlib.sha256()
    for name, weight in sorted(model.state_dict().items()):
        digest.update(f"{name} {weight.dtype} {list(weight.shape)}".encode())
        digest.update(weight.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
