"""Recordings as a bundle's encoder hears them, window by window."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from edge.contract.arrays import Flags, Float16s, Float32s, Places
from edge.contract.audio_spec import AudioSpec
from edge.contract.bundle import Bundle
from edge.dsp.gate import Gate, GateConfig, passing
from edge.recognition.background import BANK_ROWS, thinned
from edge.recognition.encoder import BATCH, Encoder, open_encoder
from edge.recognition.runtime import RuntimeOptions
from edge.source.framing import Window, frame_waveform
from gallery.calibration.recordings import LabelledRecording
from gallery.calibration.row_file import RowFile
from gallery.calibration.scoring import EmbeddedRecordings, ScoringModel


class EmbeddedWindows(NamedTuple):
    """Windows of some takes."""

    embeddings: Float32s
    """float32[windows, dim]."""
    owners: Places
    """int[windows]: the take."""
    audible: Flags
    """bool[windows]: the gate lets it pass."""
    starts: Places
    """int[windows]: samples since the take's start."""
    features: Float32s | None = None
    """float32[windows, width] of the encoder, if its bundle names them."""


def open_model(
    bundle: Bundle, precision: str, bank_recordings: Sequence[LabelledRecording]
) -> ScoringModel:
    """Open an encoder, and let it hear the background."""
    encoder = open_encoder(bundle, precision, RuntimeOptions(threads=0))
    return ScoringModel(
        bundle, encoder, _background_bank(bank_recordings, encoder, bundle.manifest.audio)
    )


def embed_recordings(
    recordings: Iterable[LabelledRecording],
    model: ScoringModel,
    mixed: bool = False,
    in_file: bool = False,
) -> EmbeddedRecordings:
    """The windows of some takes as an ear hears them; one take is held at a time.

    Args:
        recordings: the takes.
        model: the ear.
        mixed: two birds at a time.
        in_file: embeddings lie in a file, not in memory.
    """
    species_ids = list[frozenset[str]]()

    def noted() -> Iterator[LabelledRecording]:
        for recording in recordings:
            species_ids.append(recording.species_ids)
            yield recording

    rows = RowFile() if in_file else None
    found = embed(noted(), model.encoder, model.bundle.manifest.audio, rows)
    return EmbeddedRecordings(
        model=model,
        species_ids=tuple(species_ids),
        embeddings=found.embeddings if rows is None else rows,
        owners=found.owners,
        audible=found.audible,
        starts=found.starts,
        mixed=mixed,
    )


def _background_bank(
    recordings: Sequence[LabelledRecording], encoder: Encoder, spec: AudioSpec
) -> Float16s:
    """Of windows that pass the gate, BANK_ROWS at most: the others are never scored."""
    total = sum(recording.samples for recording in recordings) // spec.hop_samples
    windows = (
        window
        for recording in recordings
        for window in passing([*_windows(recording, spec)], GateConfig())
    )
    chosen = islice(windows, 0, None, max(1, -(-total // BANK_ROWS)))
    rows = [encoder.encode(window.samples[None]) for window in tqdm(chosen, "bank", disable=None)]
    return thinned(np.concatenate(rows).astype(np.float16))


def embed(
    recordings: Iterable[LabelledRecording],
    encoder: Encoder,
    spec: AudioSpec,
    file: RowFile | None = None,
) -> EmbeddedWindows:
    """Windows of some takes as an encoder hears them.

    Args:
        recordings: the takes.
        encoder: that hears them.
        spec: how windows are cut.
        file: gets the embeddings; then the windows have none, and no inner features.
    """
    rows, features, owners, audible, starts = list[Float32s](), [], [], [], []
    keep = rows.append if file is None else file.append
    for owner, recording in enumerate(tqdm(recordings, "windows", disable=None)):
        windows, gate = _windows(recording, spec), Gate(spec.sample_rate_hz)
        while chunk := list(islice(windows, BATCH)):
            embedded, inner = encoder.hear(np.stack([window.samples for window in chunk]))
            keep(embedded)
            features += [] if inner is None or file is not None else [inner]
            owners += [owner] * len(chunk)
            audible += [gate.judge(window).reason is None for window in chunk]
            starts += [window.start_sample for window in chunk]
    return EmbeddedWindows(
        embeddings=np.concatenate(rows) if file is None else np.empty((0, 0), np.float32),
        owners=np.array(owners),
        audible=np.array(audible),
        starts=np.array(starts),
        features=np.concatenate(features) if features else None,
    )


def _windows(recording: LabelledRecording, spec: AudioSpec) -> Iterator[Window]:
    return frame_waveform(recording.waveform, spec.sample_rate_hz, spec)
