"""Recordings cut into windows, gated, and compared with background as the listener does it."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from edge.contract.arrays import Array, Embeddings, Places
from edge.contract.audio import Waveform
from edge.contract.errors import DatasetError
from edge.dsp.gate import GateConfig, passing
from edge.recognition.background import thinned
from edge.source.framing import frame_waveform
from gallery.data.dataset import Item
from gallery.data.reading import read_item
from train.measure.kept import KeptWindows
from train.measure.retrieval import PooledEmbeddings
from train.model.frontend import InputSpec, LogMel
from train.sound.cache import load_each

Embedded = tuple[PooledEmbeddings, Embeddings | None]
"""Recordings as one method hears them, and its bank of background, if there is background."""
Methods = Mapping[str, Embeddings] | Iterable[tuple[str, Embeddings]]


@dataclass(frozen=True)
class Recordings:
    """Windows of readable recordings."""

    items: tuple[Item, ...]
    log_mels: tuple[Tensor, ...]
    """float16[windows, 1, frames, mel_bins] a recording, memory-mapped."""
    recording: Places
    """int[windows], ascending: whose window it is."""
    cut: str = ""
    """Name of how they were cut and heard."""

    def kept(self, cache: Path, unit: bool = True) -> KeptWindows:
        """Embedder of these recordings, which makes each embedding once."""
        return KeptWindows(self.items, self.cut, cache, unit)

    def only(self, places: Sequence[int]) -> "Recordings":
        """Some of them."""
        log_mels = tuple(self.log_mels[place] for place in places)
        return Recordings(
            tuple(self.items[place] for place in places), log_mels, _owners(log_mels), self.cut
        )

    @property
    def species(self) -> npt.NDArray[np.str_]:
        """str[recordings], ids; empty for background."""
        return np.array([item.species_id for item in self.items], np.str_)


def load_recordings(items: Sequence[Item], input_spec: InputSpec, cache: Path) -> Recordings:
    """Cut recordings into windows; unreadable ones are named and left out.

    Args:
        items: recordings.
        input_spec: how they are cut and heard.
        cache: where windows are kept.

    Raises:
        DatasetError: not one is readable.
    """
    cut = Windows(input_spec)
    found = load_each(items, cache / cut.name, cut)
    readable = [
        (item, log_mel) for item, log_mel in zip(items, found, strict=True) if log_mel is not None
    ]
    if not readable:
        raise DatasetError(f"none of {len(items)} recordings is readable")
    return Recordings(
        tuple(item for item, _ in readable),
        tuple(torch.from_numpy(log_mel) for _, log_mel in readable),
        _owners([log_mel for _, log_mel in readable]),
        cut.name,
    )


def _owners(log_mels: Sequence[Array | Tensor]) -> Places:
    """int[windows]: whose each is."""
    lengths = np.array([len(log_mel) for log_mel in log_mels], np.intp)
    return np.repeat(np.arange(len(lengths)), lengths)


def embed(
    recordings: Recordings,
    background: Recordings | None,
    methods: Callable[[Sequence[Tensor]], Methods],
) -> dict[str, Embedded]:
    """Recordings, and windows of background, as every method hears them.

    Args:
        recordings: of birds.
        background: of background.
        methods: log-mels to embeddings, float32[windows, dim], by name.
    """
    return dict(embed_in_turn(recordings, background, methods))


def embed_in_turn(
    recordings: Recordings,
    background: Recordings | None,
    methods: Callable[[Sequence[Tensor]], Methods],
) -> Iterator[tuple[str, Embedded]]:
    """As `embed`, by one method after the other, of which only one is held."""
    count = len(recordings.recording)
    log_mels = (*recordings.log_mels, *(background.log_mels if background else ()))
    found = methods(log_mels)
    for name, rows in found.items() if isinstance(found, Mapping) else found:
        pooled = PooledEmbeddings(rows[:count], recordings.recording)
        yield name, (pooled, thinned(rows[count:]) if background else None)


class Windows:
    """Computes the log-mel of a recording's windows, float16[windows, 1, frames, mels].

    The gate leaves out what the listener would, too.
    """

    def __init__(self, input_spec: InputSpec) -> None:
        self._frontend, self._audio = LogMel(input_spec.frontend), input_spec.audio
        self._gate = GateConfig()
        settings = repr((input_spec.frontend, self._audio, self._gate))
        self.name = f"windows-{hashlib.sha256(settings.encode()).hexdigest()[:8]}"

    def __call__(self, item: Item) -> Array:
        """One recording's."""
        return self.cut(*read_item(item))

    @torch.inference_mode()
    def cut(self, waveform: Waveform, rate_hz: int) -> Array:
        """Of a waveform that has been read, float32[samples]."""
        framed = list(frame_waveform(waveform, rate_hz, self._audio))
        audible = passing(framed, self._gate)
        waveforms = torch.from_numpy(np.stack([window.samples for window in audible]))
        log_mels: Array = self._frontend(waveforms).half().numpy()
        return log_mels
