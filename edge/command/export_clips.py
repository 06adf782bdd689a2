"""`birdlisten export clips`: copies of clips as WAV, each with GUANO that tells its species."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edge.command.export import ExportRequest, rows_of_export
from edge.command.language import names_of
from edge.config import Settings
from edge.contract.atomic import write_atomic
from edge.contract.errors import AudioError, ConfigError, PathError
from edge.contract.paths import inside
from edge.contract.text import counted
from edge.records.reader import open_records, told
from edge.report.guano import guano_text, wav_with_guano
from edge.report.row import Row
from edge.source.recording import read_recording
from edge.system.terminal import say

_LOG = logging.getLogger(__name__)
_FULL_SCALE = 32_768
"""Of int16: a clip's samples come back as they were written."""
_ID = 12
"""Characters of an id that tell it from others of its time."""


def export_clips(settings: Settings, request: ExportRequest) -> int:
    """Copy the clips of a time to FOLDER/SPECIES; 1 if one could not be read.

    Raises:
        StoreError: the station has no records, or the folder can't be written.
        ConfigError: a date can't be read, no record of that time has a clip, or the bundle has no
            names in the language.
    """
    station, failed, copies = settings.station_path, 0, 0
    with open_records(station, names_of(settings)) as records, told(request.output):
        for row, clip in _clips(station, rows_of_export(records, request)):
            try:
                content = _with_guano(row, clip, settings.clip_before)
            except AudioError as error:
                _LOG.error("%s", error)
                failed += 1
                continue
            copies += 1
            _write(request.output, row, content)
    if not copies + failed:
        raise ConfigError("export: no record of that time has a clip; --clips keeps them")
    if failed:
        _LOG.error("%s could not be copied", counted(failed, "clip"))
    return 1 if failed else 0


def _clips(station: Path, rows: Iterator[Row]) -> Iterator[tuple[Row, Path]]:
    """Records whose clip is still there, and its file."""
    for row in rows:
        if row.record.clip is None:
            continue
        try:
            clip = inside(station, *row.record.clip.split("/"))
        except PathError as error:
            _LOG.warning("%s", error)
            continue
        if clip.is_file():
            yield row, clip


def _with_guano(row: Row, clip: Path, before_s: float) -> bytes:
    sound, rate_hz = read_recording(clip)
    text = guano_text(
        row,
        before_s=min(before_s, row.record.start_s),
        rate_hz=rate_hz,
        length_s=len(sound) / rate_hz,
    )
    highest = _FULL_SCALE - 1
    samples = np.clip(np.round(sound * _FULL_SCALE), -_FULL_SCALE, highest).astype(np.int16)
    return wav_with_guano(samples, rate_hz, text)


def _write(output: Path, row: Row, content: bytes) -> None:
    record = row.record
    moment = record.local_time()
    begun = "undated" if moment is None else f"{moment:%Y%m%d_%H%M%S}"
    folder = output / _plain(row.confirmed_name or record.common_name)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{begun}_{record.id[-_ID:]}.wav"
    write_atomic(path, content)
    say(path)


def _plain(name: str) -> str:
    """A name of a folder of whatever a species is called."""
    return re.sub(r"\W+", "_", name).strip("_") or "unnamed"
