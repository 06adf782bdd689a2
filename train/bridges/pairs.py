"""Pairs of sound and frames: clips that can be both heard and seen, and batches of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from edge.contract.arrays import Array
from edge.contract.errors import ConfigError, DatasetError
from edge.contract.taxonomy import Taxonomy
from gallery.data.dataset import Item
from gallery.teacher import Teacher
from train.bridges.clips import ClipSet, VideoClip
from train.bridges.frames import FrameBank, load_frames
from train.bridges.video import read_sound
from train.config.bridging import BridgeConfig
from train.engine.ranks import ALONE, Ranks
from train.engine.terms import digest
from train.model.frontend import LogMel, LogMelSpec
from train.sound.cache import load_each
from train.sound.features import KeptLogMels, log_mel_folder, read_waveform
from train.sound.log_mel_store import LogMelStore, lengths_of
from train.sound.sampler import Augmentation, WindowSampler

_COUNTED = 8
"""Bytes at the end of a sampler's state: clips drawn so far."""


class ClipLogMels:
    """Computes the log-mel of a clip's whole sound, float16[frames, mel_bins]."""

    def __init__(self, spec: LogMelSpec) -> None:
        self._frontend = LogMel(spec)

    @torch.inference_mode()
    def __call__(self, item: Item) -> Array:
        """One clip's."""
        rate_hz = self._frontend.spec.sample_rate_hz
        is_video = item.kind == "video"
        sound = (
            torch.from_numpy(read_sound(item.path, rate_hz))
            if is_video
            else read_waveform(item, rate_hz)
        )
        log_mel: Array = self._frontend(sound[None])[0, 0].half().numpy()
        return log_mel


@dataclass(frozen=True, kw_only=True)
class PairSet:
    """Clips of a split that can be both heard and seen."""

    clips: tuple[VideoClip, ...]
    bank: FrameBank
    log_mels: Sequence[Tensor]
    """float16[frames, mel_bins] a clip."""
    taxonomy: Taxonomy
    spec: LogMelSpec
    picture_licences: tuple[str, ...] = ()
    """Of pictures in the place of frames, which have licences of their own."""

    @property
    def labels(self) -> Tensor:
        """int64[clips], places of their species in the taxonomy; -1 of a clip without one."""
        place = {name: n for n, name in enumerate(self.taxonomy.ids)}
        return torch.tensor([place.get(clip.label, -1) for clip in self.clips])

    @property
    def seen_species(self) -> tuple[str, ...]:
        """Ids of the species that the clips are of, sorted."""
        return tuple(sorted({clip.label for clip in self.clips} - {""}))

    @property
    def licences(self) -> tuple[str, ...]:
        """Licences of clips and pictures, each once, sorted."""
        return tuple(sorted({*(clip.licence for clip in self.clips), *self.picture_licences}))

    @property
    def digest(self) -> str:
        """Tells these pairs from others, wherever they lie."""
        lengths = lengths_of(self.log_mels).numpy()
        return digest(self.labels.numpy(), lengths, self.bank.rows, self.bank.times_s)


def load_pairs(
    clips: ClipSet,
    split: str,
    spec: LogMelSpec,
    teacher: Teacher,
    frames: int,
    cache: Path,
    held_out: Iterable[str] = (),
) -> PairSet:
    """Sounds and frames of a split, each decoded once; clips that lack one are named, and left out.

    Args:
        clips: of any split.
        split: `train` or another.
        spec: of the log-mels.
        teacher: sees the frames.
        frames: a clip.
        cache: where both are kept.
        held_out: ids of species; a clip that any of them is in is left out.

    Raises:
        DatasetError: no clip is left.
    """
    seen, bank = load_frames(clips.select(split, held_out), teacher, frames, cache)
    places, log_mels = load_log_mels(seen, spec, cache)
    return PairSet(
        clips=tuple(seen[place] for place in places),
        bank=bank.part(places),
        log_mels=log_mels,
        taxonomy=clips.taxonomy,
        spec=spec,
    )


def load_log_mels(
    clips: Sequence[VideoClip], spec: LogMelSpec, cache: Path
) -> tuple[list[int], KeptLogMels]:
    """Places of the clips that can be heard, and their log-mels; others are named.

    Raises:
        DatasetError: not one can be heard.
    """
    folder = log_mel_folder(cache / "clips", spec)
    arrays = load_each([clip.item for clip in clips], folder, ClipLogMels(spec))
    places = np.flatnonzero(arrays.present).tolist()
    if not places:
        raise DatasetError(f"none of {len(clips)} clips can be heard, first {clips[0].path}")
    return places, KeptLogMels(arrays.readable)


class PairBatch(NamedTuple):
    """Windows of sound and the frames of their clips: this rank's share."""

    log_mel: Tensor
    """float32[batch, 1, frames, mel_bins], augmented, on the device."""
    rows: Tensor
    """float32[batch, clip frames, dim], unit rows, on the device."""
    times_s: Tensor
    """float32[batch, clip frames], moments of the frames in the clip; as the following on the
    CPU."""
    labels: Tensor
    """int64[batch] species, -1 where the clip has none."""
    clips: Tensor
    """int64[batch], places in the set."""
    begins_s: Tensor
    """float32[batch], where the window begins in the clip."""


def frames_inside(batch: PairBatch, window_s: float) -> Tensor:
    """Frames of the clips that lie in their windows; of a window without one the nearest.

    Args:
        batch: windows that may be shorter than their clips.
        window_s: their length.

    Returns:
        bool[batch, frames], at least one a row, on the CPU.
    """
    begins_s = batch.begins_s[:, None]
    early, late = begins_s - batch.times_s, batch.times_s - (begins_s + window_s)
    inside = (early <= 0) & (late < 0)
    beyond = torch.maximum(early, late)
    nearest = beyond == beyond.amin(dim=1, keepdim=True)
    return torch.where(inside.any(dim=1, keepdim=True), inside, nearest)


def chosen_frames(inside: Tensor, chance: Tensor) -> Tensor:
    """One of the frames that lie in a window, each alike.

    Args:
        inside: bool[batch, frames], such as `frames_inside`.
        chance: float32[batch] in [0, 1).

    Returns:
        int64[batch] places of frames.
    """
    count = inside.sum(dim=1).clamp(min=1)
    wanted = (chance * count).long().clamp(max=count - 1) + 1
    return (inside.cumsum(dim=1) >= wanted[:, None]).int().argmax(dim=1)


class PairSampler:
    """Draws batches of clips, none twice in a batch; itself what a snapshot keeps of them.

    Args:
        pairs: to draw from.
        frames: of a window of sound.
        config: augmentation and seed.
        device: that learns.
        ranks: who takes which clips of a batch.
    """

    def __init__(
        self,
        pairs: PairSet,
        frames: int,
        config: BridgeConfig,
        device: torch.device,
        ranks: Ranks = ALONE,
    ) -> None:
        self._pairs, self._frames, self._drawn = pairs, frames, 0
        self._rows = torch.from_numpy(pairs.bank.rows).to(device)
        self._times_s, self._labels = torch.from_numpy(pairs.bank.times_s), pairs.labels
        self._windows = WindowSampler(
            clips=LogMelStore(pairs.log_mels, device),
            labels=torch.arange(len(pairs.clips)),
            background=LogMelStore((), device),
            frames=frames,
            augmentation=Augmentation(
                gain_db=config.gain_db,
                mix=0.0,
                background=0.0,
                mask=config.mask,
                mask_frames=config.mask_frames,
                mask_bins=config.mask_bins,
            ),
            seed=config.seed,
            ranks=ranks,
        )

    @property
    def epoch(self) -> int:
        """Times that as many clips as there are have been drawn, from 0."""
        return self._drawn // len(self._pairs.clips)

    def batch(self, size: int) -> PairBatch:
        """Draw clips, and a window of each.

        Args:
            size: of the whole batch, of which this rank gets its share.

        Raises:
            ConfigError: there are fewer clips.
        """
        if size > len(self._pairs.clips):
            raise ConfigError(f"batch: {size} are more than the {len(self._pairs.clips)} clips")
        drawn = self._windows.batch(size)
        self._drawn += size
        spec = self._pairs.spec
        return PairBatch(
            log_mel=drawn.log_mel,
            rows=self._rows[drawn.recordings.to(self._rows.device)],
            times_s=self._times_s[drawn.recordings],
            labels=self._labels[drawn.recordings],
            clips=drawn.recordings,
            begins_s=drawn.starts.float() * spec.hop_samples / spec.sample_rate_hz,
        )

    def get_state(self) -> Tensor:
        """Generator's state, and how many clips were drawn: uint8."""
        counted = torch.tensor([self._drawn]).view(torch.uint8)
        return torch.cat([self._windows.generator.get_state(), counted])

    def set_state(self, state: Tensor, /) -> None:
        """Go on from a state."""
        self._windows.generator.set_state(state[:-_COUNTED])
        self._drawn = int(state[-_COUNTED:].clone().view(torch.int64))
