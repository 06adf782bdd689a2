"""Encoded windows of recordings, kept so that a changed gallery is matched without hearing again.

embeddings/<digest of the recording's place>.npz     one a recording, written whole

starts, ends   int64[windows]          in samples at the encoder's rate, of all that were heard
audible        bool[windows]           those that passed the gate
channels       int16[windows]          from 1; 0: all of them
embeddings     float16[audible, dim]
about          JSON                    encoder, window, and the recording's time and place
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.arrays import Flags, Float16s, Float32s, Int16s, Int64s
from edge.contract.atomic import write_atomic
from edge.contract.coordinates import Coordinates
from edge.contract.errors import StoreError, in_words
from edge.source.framing import Window
from edge.source.recorded import Recorded

FOLDER = "embeddings"
RecordingKey = tuple[str, str | None, str | None]
"""Source, root and volume."""
_ALL = 0
"""Channel of windows of all channels together."""
_UNREADABLE = (
    OSError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    zipfile.BadZipFile,
)


@dataclass(frozen=True, kw_only=True)
class EncodedBy:
    """Encoder of windows, and how they were cut."""

    model_id: str
    precision: str
    dim: int
    window_samples: int
    hop_samples: int


@dataclass(frozen=True, kw_only=True)
class EncodedRecording:
    """Windows of a recording."""

    by: EncodedBy
    made: Recorded
    starts: Int64s
    ends: Int64s
    audible: Flags
    channels: Int16s
    embeddings: Float16s

    def by_channel(self) -> Iterator[tuple[int | None, Iterator[tuple[Window, Float32s | None]]]]:
        """The windows of each channel, in their order, with what `Listener.match_again` takes."""
        rows = np.cumsum(self.audible) - 1
        for channel, places in groupby(range(len(self.starts)), lambda n: int(self.channels[n])):
            yield channel or None, self._windows(list(places), rows)

    def _windows(
        self, places: Sequence[int], rows: Int64s
    ) -> Iterator[tuple[Window, Float32s | None]]:
        silence = np.broadcast_to(np.float32(0), self.by.window_samples)
        for n in places:
            start, end = int(self.starts[n]), int(self.ends[n])
            window = Window(start, silence, real_samples=end - start)
            row = self.embeddings[rows[n]].astype(np.float32) if self.audible[n] else None
            yield window, row


@dataclass
class WindowLog:
    """Gathers the windows of a recording as they are heard."""

    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    channels: list[int] = field(default_factory=list)
    rows: list[Float16s | None] = field(default_factory=list)
    channel: int | None = None
    """The one that is heard now."""

    def window(self, window: Window, scores: Any, open_runs: object) -> None:
        """Take a window (`edge.pipeline.listener.WindowWatch`)."""
        self.starts.append(window.start_sample)
        self.ends.append(window.end_sample)
        self.channels.append(self.channel or _ALL)
        self.rows.append(None if scores is None else scores.embedding.astype(np.float16))

    def recording(self, by: EncodedBy, made: Recorded) -> EncodedRecording:
        """All of it."""
        audible = [row for row in self.rows if row is not None]
        return EncodedRecording(
            by=by,
            made=made,
            starts=np.array(self.starts, np.int64),
            ends=np.array(self.ends, np.int64),
            audible=np.array([row is not None for row in self.rows], np.bool_),
            channels=np.array(self.channels, np.int16),
            embeddings=np.array(audible, np.float16).reshape(-1, by.dim),
        )


class EncodedFolder:
    """The encoded recordings of an output.

    Args:
        output: its folder.
    """

    def __init__(self, output: Path) -> None:
        self.folder = output / FOLDER

    def has(self, key: RecordingKey) -> bool:
        """True if the windows of a recording are there."""
        return self._path(key).is_file()

    def write(self, key: RecordingKey, encoded: EncodedRecording) -> None:
        """Keep the windows of a recording.

        Raises:
            OSError: they can't be written.
        """
        about = {"by": asdict(encoded.by), "made": asdict(encoded.made)}
        names = ("starts", "ends", "audible", "channels", "embeddings")
        arrays = {name: getattr(encoded, name) for name in names}
        with io.BytesIO() as file:
            np.savez(file, about=np.array(json.dumps(about)), **arrays)
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomic(self._path(key), file.getvalue())

    def read(self, key: RecordingKey) -> EncodedRecording:
        """The windows of a recording.

        Raises:
            StoreError: they are not kept, or can't be read.
        """
        path = self._path(key)
        try:
            # Opened here: numpy lets go of a damaged file when it pleases.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
                return _checked({name: held[name] for name in held.files})
        except FileNotFoundError as error:
            raise StoreError(
                f"{key[0]}: its embeddings were not kept; "
                "birdlisten analyze --keep-embeddings keeps them"
            ) from error
        except _UNREADABLE as error:
            problem = in_words(error) if isinstance(error, OSError) else error
            raise StoreError(
                f"{path}: unreadable ({problem}); analyze that recording again"
            ) from error

    def _path(self, key: RecordingKey) -> Path:
        digest = hashlib.sha256(repr(key).encode()).hexdigest()
        return self.folder / f"{digest[:24]}.npz"


def _checked(held: dict[str, Any]) -> EncodedRecording:
    about = json.loads(str(held.pop("about")))
    made, place = about["made"], about["made"].pop("place")
    encoded = EncodedRecording(
        by=EncodedBy(**about["by"]),
        made=Recorded(place=Coordinates(**place) if place else None, **made),
        **held,
    )
    windows, rows = len(encoded.starts), encoded.embeddings
    lengths = {len(array) for array in (encoded.ends, encoded.audible, encoded.channels)}
    if lengths != {windows} or rows.shape != (encoded.audible.sum(), encoded.by.dim):
        raise ValueError("its arrays are of unequal lengths")
    return encoded
