"""Similarity of kept sound to a query: the windows of recordings, and the records of a station.

A query is some rows of the bundle's space, whatever they were made of: a picture, a name, a sound.
A window is as similar as to the nearest of them (cosine). Of windows that overlap only the best is
found.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edge.analysis.encoded import EncodedFolder, EncodedRecording, RecordingKey
from edge.contract.arrays import Float16s, Float32s
from edge.contract.errors import AudioError, StoreError
from edge.recognition.similar_pictures import similarities
from edge.records.detection import Detection, FileDone
from edge.records.query import Selection, select
from edge.records.reader import RecordReader, told
from edge.system import clock

_LOG = logging.getLogger(__name__)
OTHER_ENCODER, NO_SOUND = "kept by another encoder", "without a kept sound"


@dataclass(frozen=True, kw_only=True)
class SimilarSound:
    """A kept sound, and how similar it is to the query."""

    similarity: float
    """Cosine."""
    source: str
    root: str | None
    channel: int | None
    start_s: float
    """From the source's beginning."""
    end_s: float
    detected_at: str | None
    """UTC, ISO 8601; null where nobody knows it."""
    id: str | None = None
    """Of a record."""
    scientific_name: str | None = None
    common_name: str | None = None
    clip: str | None = None


@dataclass
class SimilaritySearch:
    """Looks for what is most similar to a query.

    Args:
        rows: float32[n, dim], unit length.
        model_id: of the encoder whose embeddings are comparable.
        rate_hz: of its windows.
        top: how many are wanted.
        encode: gives the rows of a clip, float32[windows, dim]; asked where no embedding is kept.
    """

    rows: Float32s
    model_id: str
    rate_hz: int
    top: int
    encode: Callable[[Path], Float32s]
    left_out: Counter[str] = field(default_factory=Counter)
    """Sounds that couldn't be compared, by reason."""

    def run(self, records: RecordReader) -> list[SimilarSound]:
        """The most similar of a folder, best first."""
        folder, found = EncodedFolder(records.station), list[SimilarSound]()
        kept = [done for done in records.files_done() if folder.has(done.key)]
        for done in kept:
            found = self._best([*found, *self._of_recording(done, folder)])
        heard = {done.key for done in kept}
        for chunk in select(records, Selection()):
            found = self._best([*found, *self._of_records(chunk, records, heard)])
        return found

    def _best(self, found: Iterable[SimilarSound]) -> list[SimilarSound]:
        return sorted(found, key=lambda sound: -sound.similarity)[: self.top]

    def _of_recording(self, done: FileDone, folder: EncodedFolder) -> Iterator[SimilarSound]:
        try:
            encoded = folder.read(done.key)
        except StoreError as error:
            _LOG.error("%s", error)
            self.left_out["unreadable"] += 1
            return
        if encoded.by.model_id != self.model_id:
            self.left_out[OTHER_ENCODER] += 1
            return
        similarity = self._similarity(encoded.embeddings)
        for place in _apart(encoded, similarity, self.top):
            window = np.flatnonzero(encoded.audible)[place]
            begin, end = int(encoded.starts[window]), int(encoded.ends[window])
            begun_ms = encoded.made.begun_ms
            at_ms = None if begun_ms is None else begun_ms + round(begin * 1000 / self.rate_hz)
            yield SimilarSound(
                similarity=round(float(similarity[place]), 4),
                source=done.source,
                root=done.root,
                channel=int(encoded.channels[window]) or None,
                start_s=round(begin / self.rate_hz, 3),
                end_s=round(end / self.rate_hz, 3),
                detected_at=None if at_ms is None else clock.iso_utc(at_ms),
            )

    def _of_records(
        self, chunk: Sequence[Detection], records: RecordReader, heard: set[RecordingKey]
    ) -> Iterator[SimilarSound]:
        """Those of live sources, and of recordings whose windows are not kept."""
        asked = [one for one in chunk if (one.source, one.root, one.volume) not in heard]
        embeddings = _embeddings(records, [record.id for record in asked])
        for record in asked:
            rows = self._rows_of(record, embeddings.get(record.id), records.station)
            if rows is None or not len(rows):
                self.left_out[NO_SOUND] += 1
                continue
            yield SimilarSound(
                similarity=round(float(self._similarity(rows).max()), 4),
                source=record.source,
                root=record.root,
                channel=record.channel,
                start_s=record.start_s,
                end_s=record.end_s,
                detected_at=record.detected_at,
                id=record.id,
                scientific_name=record.scientific_name,
                common_name=record.common_name,
                clip=record.clip,
            )

    def _rows_of(
        self, record: Detection, kept: Float16s | None, station: Path
    ) -> Float16s | Float32s | None:
        """Its best window as it was kept, else its clip, heard again."""
        if kept is not None and record.model_id == self.model_id:
            return kept[None]
        if record.clip is None or not (path := station / record.clip).is_file():
            return None
        try:
            return self.encode(path)
        except AudioError as error:
            _LOG.error("%s", error)
            return None

    def _similarity(self, rows: Float16s | Float32s) -> Float32s:
        """float32[n], of each row to the nearest one of the query."""
        if not len(rows):
            return np.empty(0, np.float32)
        return similarities(rows.astype(np.float32), self.rows)


def _apart(encoded: EncodedRecording, similarity: Float32s, top: int) -> list[int]:
    """Places of the best audible windows of which no two overlap in a channel, best first."""
    windows = np.flatnonzero(encoded.audible)
    starts, ends = encoded.starts[windows], encoded.ends[windows]
    channels, free = encoded.channels[windows], np.ones(len(windows), np.bool_)
    chosen: list[int] = []
    for place in np.argsort(-similarity, kind="stable"):
        if len(chosen) == top:
            break
        if free[place]:
            chosen.append(int(place))
            beside = (starts < ends[place]) & (ends > starts[place])
            free &= ~(beside & (channels == channels[place]))
    return chosen


def _embeddings(records: RecordReader, ids: Sequence[str]) -> dict[str, Float16s]:
    places = ", ".join("?" * len(ids))
    query = f"SELECT record, embedding FROM embeddings WHERE record IN ({places})"
    with told(records.path):
        rows = records.database.execute(query, ids).fetchall()
    return {record: np.frombuffer(content, np.float16) for record, content in rows}
