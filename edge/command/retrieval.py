"""`birdlisten search`: which kept sound, or which picture, fits a picture, a name, or a sound."""

import logging
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np

from edge.analysis.similarity import OTHER_ENCODER, SimilaritySearch, SimilarSound
from edge.command.language import names_of
from edge.command.opening import open_bundle, open_overlay
from edge.command.picture_search import open_pictures, say_pictures
from edge.config import Settings
from edge.contract.arrays import Float16s, Float32s
from edge.contract.bundle import Bundle
from edge.contract.errors import AudioError, ConfigError
from edge.contract.manifest import TEXT_ENCODER
from edge.contract.text import counted, json_line
from edge.decision.selection import named
from edge.dsp.gate import GateConfig, judge
from edge.recognition.encoder import BATCH, Encoder, open_encoder
from edge.recognition.pictures import PictureEncoder, open_picture
from edge.recognition.runtime import RuntimeOptions
from edge.recognition.text_tower import TextEncoder
from edge.records.reader import open_records
from edge.source.framing import frame_blocks
from edge.source.recording import read_blocks
from edge.system import clock
from edge.system.terminal import say, say_row

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SearchRequest:
    """A query, of exactly one kind, and where it is looked for."""

    folder: Path | None = None
    """Output of `analyze --keep-embeddings`; None: the station."""
    picture: Path | None = None
    text: str | None = None
    """Names of species, genera, families or orders; any words where the bundle has a text tower."""
    sound: Path | None = None
    within: str | None = None
    """Pictures to look among, as `picture_search.open_pictures` takes them; None: sounds."""
    top: int = 10


def search(settings: Settings, request: SearchRequest) -> int:
    """Print the kept sounds, or the pictures, that fit best, best first; 1 if there are none.

    Raises:
        BirdlistenError: the query can't be used, or there are no records.
    """
    given = [request.picture, request.text, request.sound]
    if sum(query is not None for query in given) != 1:
        raise ConfigError("search: for what? give one of --picture, --text and --sound")
    query = _Query(settings)
    if request.within is None:
        return _search_sounds(settings, query, request)
    if request.folder is not None:
        raise ConfigError("search: a folder has sounds, --in pictures; give one of the two")
    pictures = open_pictures(request.within, query.bundle)
    return say_pictures(settings, query.bundle, pictures.nearest(query.rows(request), request.top))


def _search_sounds(settings: Settings, query: "_Query", request: SearchRequest) -> int:
    manifest, rows = query.bundle.manifest, query.rows(request)
    wanted = SimilaritySearch(
        rows=rows,
        model_id=manifest.model_id,
        rate_hz=manifest.audio.sample_rate_hz,
        top=request.top,
        encode=query.windows,
    )
    with open_records(request.folder or settings.station_path, names_of(settings)) as records:
        found = wanted.run(records)
    for sound in found:
        say(json_line(asdict(sound))) if settings.json else say_row(_line(sound))
    for reason, number in wanted.left_out.items():
        advice = "; name its bundle: --bundle" if reason == OTHER_ENCODER else ""
        _LOG.warning("%s %s, not compared%s", counted(number, "sound"), reason, advice)
    if not found:
        _LOG.error("no kept sound here; birdlisten analyze --keep-embeddings keeps what it hears")
    return 0 if found else 1


class _Query:
    """Makes rows of the bundle's space."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.bundle: Bundle = open_bundle(settings)

    def rows(self, request: SearchRequest) -> Float32s:
        """Rows of a query, float32[n, dim]."""
        if request.picture is not None:
            picture = open_picture(request.picture)
            tower = PictureEncoder(self.bundle.path, self.bundle.manifest)
            return tower.embed([picture]).astype(np.float32)
        if request.text is not None:
            return self._told(request.text).astype(np.float32)
        assert request.sound is not None
        rows = self.windows(request.sound)
        if not len(rows):
            raise AudioError(f"{request.sound}: nothing to be heard in it; give another sound")
        return rows

    def windows(self, path: Path) -> Float32s:
        """Rows of the windows of a file, float32[windows, dim]: of those in which there is sound.

        Raises:
            AudioError: it can't be read.
        """
        spec, dim = self.bundle.manifest.audio, self.bundle.manifest.embedding_dim
        found: list[Float32s] = []
        gate = GateConfig(sample_rate_hz=spec.sample_rate_hz)
        windows = frame_blocks(read_blocks(path), spec)
        lively = (window for window in windows if not judge(window.samples, gate).reason)
        while chunk := list(islice(lively, BATCH)):
            found.append(self._encoder.encode(np.stack([window.samples for window in chunk])))
        return np.concatenate(found) if found else np.empty((0, dim), np.float32)

    @cached_property
    def _encoder(self) -> Encoder:
        settings = self._settings
        runtime = RuntimeOptions(settings.provider, settings.threads or 0)
        return open_encoder(self.bundle, settings.precision, runtime)

    def _told(self, text: str) -> Float16s | Float32s:
        """Rows of the species that are named so; of the words themselves if there are none."""
        try:
            return self._named(text)
        except ConfigError:
            if TEXT_ENCODER not in self.bundle.manifest.roles:
                raise
        return TextEncoder(self.bundle.path, self.bundle.manifest).embed([text])

    def _named(self, name: str) -> Float16s:
        """Anchors of species; of those that the station has added their sounds, or pictures."""
        sounds = open_overlay(self._settings, self.bundle.manifest).load().exemplars
        anchors, gallery = self.bundle.anchors_by_id, self.bundle.gallery
        rows = [
            anchors[species_id][None]
            if species_id in anchors
            else sounds.get(species_id, gallery.rows[gallery.members.get(species_id, [])])
            for species_id in named(self.bundle.taxonomy, name)
        ]
        if not sum(map(len, rows)):
            raise ConfigError(f"{name}: the bundle has no embedding of that name, and no picture")
        return np.concatenate(rows)


def _line(sound: SimilarSound) -> str:
    """`0.412  2026-05-01 04:30:07  card/a.wav  72.0 s  Common Cuckoo`."""
    parts = [f"{sound.similarity:6.3f}"]
    if sound.detected_at is not None:
        moment = datetime.fromtimestamp(clock.milliseconds(sound.detected_at) / 1000)
        parts.append(f"{moment:%Y-%m-%d %H:%M:%S}")
    channel = "" if sound.channel is None else f" channel {sound.channel}"
    parts += [f"{sound.source}{channel}", f"{sound.start_s:.1f} s", sound.common_name or ""]
    return "  ".join(filter(None, parts))
