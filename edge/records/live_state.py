"""Live state of a listener: what it hears at this moment, for other processes to show.

A file of it is one line of JSON, which begins with `format` and `version`, behind it the columns of
the spectrogram, uint8[columns, bands], oldest first, and last the CRC-32 of all that, big-endian.
`edge/records/live_file.py` says where it lies.
"""

import json
import time
import zlib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.arrays import Float32s, UInt8s
from edge.contract.text import json_line

FORMAT, VERSION = "birdlisten live state", 1
_CHECK_BYTES = 4
_LATE, _GRACE_S = 3.0, 3.0
"""A state is current for so many of its writer's intervals, and so many seconds."""
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, kw_only=True)
class HeardNow:
    """A species that passes in the windows of this moment."""

    species_id: str
    scientific_name: str
    common_name: str
    confidence: float
    """Of its best window: probability, or cosine where the bundle isn't calibrated."""
    hits: int
    hits_needed: int
    since_ms: int
    """UTC of its beginning, as far as windows can tell."""
    confirmed: bool = False
    """It has been reported, and goes on."""


@dataclass(frozen=True, kw_only=True)
class Guess:
    """The best species of a window, whether it passes or not."""

    species_id: str
    scientific_name: str
    common_name: str
    confidence: float


@dataclass(frozen=True, kw_only=True, eq=False)
class LiveSpectrogram:
    """Levels of the newest sound, band by band; sound can't be made of it again."""

    columns: UInt8s
    """uint8[columns, bands], oldest first; 0: nothing was heard (`level_dbfs` of the others)."""
    bands_hz: tuple[float, ...]
    """Centre of each band, low to high."""
    column_s: float
    """Length of a column."""
    first_column: int
    """Number of the oldest one: it begins this times `column_s` after the source's start."""
    ended_ms: int
    """UTC of the end of the newest one."""
    floor_dbfs: float
    """Level of the value 1, in dB re a sine of full scale."""
    step_db: float
    """From one value to the next."""

    def level_dbfs(self) -> Float32s:
        """float32[columns, bands] in dB re a sine of full scale; NaN where nothing was heard."""
        level = self.floor_dbfs + self.step_db * (self.columns.astype(np.float32) - 1)
        return np.where(self.columns == 0, np.float32(np.nan), level)


@dataclass(frozen=True, kw_only=True)
class LiveState:
    """State of one source of a listener at one moment; times in UTC are in milliseconds."""

    station: str
    source: str
    """As records name it."""
    doing: str
    """`listening`, `resting` by plan, or `waiting` for a source that gives no sound."""
    process: int
    boot: str
    """Id of the machine's run, in which `written_ns` counts."""
    sequence: int
    """Goes up by one with each state of a writer."""
    every_s: float
    """From one state to the next."""
    written_ms: int
    written_ns: int
    """CLOCK_MONOTONIC."""
    begun_ms: int
    """When this session began to listen."""
    bundle: str
    model_id: str
    precision: str
    provider: str
    calibrated: bool
    """Confidences are probabilities."""
    windows: int
    """Since the session began, those skipped included."""
    skipped: dict[str, int]
    """Windows without scores, by reason: `silence`, `dc`, `flat_line`, `clipped`, `noise`, ..."""
    clipped: int
    """Lively windows that clip."""
    detections: int
    species: int
    """Different ones among the detections."""
    silence: str | None
    """Reason that the newest window was skipped for; None if it was scored."""
    best: Guess | None
    """Of the newest window that was scored."""
    heard: tuple[HeardNow, ...]
    window_ms: int | None
    """End of the newest window."""
    window_s: float
    hop_s: float
    """In use; wider than the bundle's where inference is slow."""
    level_dbfs: float | None
    """RMS without offset, of the newest sound; None: none came since the state before."""
    dropped_s: float
    """Sound that was lost because inference was too slow."""
    gaps: int
    """Places where the sound broke off, rest by plan not counted."""
    disk_free: int | None
    """Bytes where the station lies."""
    clock_synchronised: bool
    given: tuple[str, ...] = ()
    """Names of settings that were given where the listener was started: no file changes these."""
    spectrogram: LiveSpectrogram | None = None

    @property
    def age_s(self) -> float:
        """Seconds since it was written, whatever the clock was set to; of another boot endless."""
        age_s = (time.monotonic_ns() - self.written_ns) / 1e9
        return age_s if self.boot == boot_id() and age_s >= 0 else float("inf")

    @property
    def is_current(self) -> bool:
        """False once its writer has died, or hangs."""
        return self.age_s <= _LATE * self.every_s + _GRACE_S


def encoded(state: LiveState) -> bytes:
    """The content of a state's file."""
    spectrogram = state.spectrogram
    columns = b"" if spectrogram is None else spectrogram.columns.tobytes()
    line = {"format": FORMAT, "version": VERSION, **_flat(state)}
    if spectrogram is not None:
        line["spectrogram"] = {
            **{field.name: getattr(spectrogram, field.name) for field in fields(spectrogram)},
            "columns": len(spectrogram.columns),
        }
    content = json_line(line).encode() + b"\n" + columns
    return content + zlib.crc32(content).to_bytes(_CHECK_BYTES, "big")


def decoded_state(content: bytes) -> LiveState | None:
    """The state of a file's content; None if it is none, damaged, or of another version."""
    content, check = content[:-_CHECK_BYTES], content[-_CHECK_BYTES:]
    if zlib.crc32(content).to_bytes(_CHECK_BYTES, "big") != check:
        return None
    line, _, columns = content.partition(b"\n")
    try:
        told = json.loads(line)
        known = (told["format"], told["version"]) == (FORMAT, VERSION)
        return _state(told, columns) if known else None
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def boot_id() -> str:
    """Id of this run of the machine; empty where the system tells none."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""


def _flat(state: LiveState) -> dict[str, Any]:
    """The fields but for the spectrogram."""
    told = {field.name: getattr(state, field.name) for field in fields(state)}
    told["best"] = None if state.best is None else asdict(state.best)
    return {**told, "heard": [asdict(species) for species in state.heard], "spectrogram": None}


def _state(told: dict[str, Any], columns: bytes) -> LiveState:
    """Raises one of many errors where something lacks, or is of another shape."""
    told = {"given": (), **told}  # which earlier listeners don't tell
    values = {field.name: told[field.name] for field in fields(LiveState)}
    values["given"] = tuple(map(str, told["given"]))
    values["heard"] = tuple(HeardNow(**species) for species in told["heard"])
    values["best"] = None if told["best"] is None else Guess(**told["best"])
    if told["spectrogram"] is not None:
        values["spectrogram"] = _spectrogram(told["spectrogram"], columns)
    return LiveState(**values)


def _spectrogram(told: dict[str, Any], columns: bytes) -> LiveSpectrogram:
    bands = tuple(told["bands_hz"])
    shape = (told["columns"], len(bands))
    levels = np.frombuffer(columns, np.uint8).reshape(shape)
    return LiveSpectrogram(**{**told, "bands_hz": bands, "columns": levels})
