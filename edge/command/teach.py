"""`birdlisten teach FILE --as NAME`: a bird that was missed; `birdlisten learnt`: all lessons."""

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from edge.command.opening import open_bundle, open_overlay, open_recognizer, open_weighing
from edge.command.review import finish, take_up, teaching_of
from edge.config import Settings
from edge.contract.arrays import Float16s
from edge.contract.bundle import Bundle
from edge.contract.errors import AudioError, ConfigError, StoreError
from edge.contract.text import cells, counted, json_line, visible
from edge.pipeline.effect import Effect, of_late
from edge.recognition.added import LABEL
from edge.recognition.background import thinned
from edge.recognition.overlay import Overlay, rows_of
from edge.recognition.recognizer import Recognizer
from edge.recognition.songs import audible
from edge.records.evidence import Decided
from edge.records.inbox import Lesson
from edge.records.lessons import Given, LessonBook
from edge.records.reader import open_records
from edge.source.framing import frame_blocks
from edge.source.recording import read_blocks
from edge.system.terminal import say, say_row
from edge.system.zone import local_zone

_LOG = logging.getLogger(__name__)
_MOST_WINDOWS = 64
"""Of a recording; more are thinned."""
_WEIGHED = 20
"""Lessons, the newest, of which it is said what they change."""


@dataclass(frozen=True, kw_only=True)
class TeachRequest:
    """A recording, and what is to be heard in it."""

    file: Path
    name: str
    """Of the species."""
    begin_s: float = 0.0
    end_s: float | None = None
    """None: to its end."""


@dataclass(frozen=True)
class _Line:
    """A lesson that holds, in a few words."""

    given: Given
    lesson: Lesson
    effect: Effect | None

    @property
    def said(self) -> str:
        """The verdict: of a rejected sound that it is no bird."""
        lesson = self.lesson
        if lesson.taught is None:
            return "no bird"
        return f"{lesson.taught}, not {lesson.mistaken}" if lesson.mistaken else lesson.taught

    @property
    def windows(self) -> int:
        """That it rests on; none, if they are damaged."""
        with suppress(ValueError):
            return len(rows_of(self.lesson)) if self.lesson.rows else 0
        return 0


def teach(settings: Settings, request: TeachRequest) -> int:
    """Teach the sounds of a recording, or of a part of it, as those of a species.

    Raises:
        AudioError: unreadable, or nothing in that part is to be heard.
        BirdlistenError: there is no such species; nothing has changed.
    """
    if request.end_s is not None and request.end_s <= request.begin_s:
        raise ConfigError(f"--to {request.end_s:g}: expected more than --from {request.begin_s:g}")
    teaching = teaching_of(settings)
    teaching.check(request.name)
    sounds = _sounds(open_recognizer(settings), request)
    taught = teaching.teach(str(request.file), sounds, request.name)
    windows = counted(taught.windows, "window")
    say(f"{request.file}: {windows} of it stand for {taught.species_id} from now on")
    finish(settings, [taught.lesson])
    return 0


def learnt(settings: Settings, undo: bool = False) -> int:
    """List what holds of what this station was taught, or take back the newest of it.

    Raises:
        StoreError: with `undo`, nothing holds.
    """
    if undo:
        last = teaching_of(settings).take_back_last()
        take_up(settings)
        say(f"{last.about}: the verdict before it counts again")
        return 0
    bundle = open_bundle(settings)
    for line in _lines(settings, bundle):
        say(_as_json(line)) if settings.json else say_row(visible(_as_text(line)))
    overlay = open_overlay(settings, bundle.manifest)
    overlay.load()
    for row in () if settings.json else _rest(overlay):
        say_row(visible(row))
    if overlay.loss:
        _LOG.warning("%s; teach it again: birdlisten teach", overlay.loss)
    return 0


def _rest(overlay: Overlay) -> Iterator[str]:
    """Rows of what was learnt otherwise than by a lesson, and how each is taken back."""
    for species_id, name in overlay.in_files():
        if name.startswith(LABEL):
            yield f"{name}  sound of {species_id}  (species remove {species_id} --undo)"
        else:
            said = "no bird" if species_id is None else species_id
            yield f"{name[-12:]}  {said}, by a former version  (confirm {name} --undo)"
    for file in overlay.backgrounds():
        yield f"{file.stem}  background of this site  (learn-background --undo)"


def _sounds(recognizer: Recognizer, request: TeachRequest) -> Float16s:
    """Sounds of the windows that pass the gate and lie in the part that was named."""
    spec = recognizer.bundle.manifest.audio
    rate_hz, end_s = spec.sample_rate_hz, request.end_s or float("inf")
    windows = (
        window
        for window in frame_blocks(read_blocks(request.file), spec)
        if window.end_sample > request.begin_s * rate_hz and window.start_sample < end_s * rate_hz
    )
    rows = [scores.sound for _, scores in audible(windows, recognizer)]
    if not rows:
        raise AudioError(f"{request.file}: nothing in that part sounds like a bird; name another")
    return thinned(np.stack(rows).astype(np.float16), _MOST_WINDOWS)


def _lines(settings: Settings, bundle: Bundle) -> list[_Line]:
    """Lessons that hold, oldest first, with what the newest of them change."""
    book = LessonBook(settings.station_path)
    held = book.holding()
    decided, weighing = _decided(settings, bundle), open_weighing(settings, bundle)
    overlay = open_overlay(settings, bundle.manifest)
    now, lines = overlay.load(), []
    for place, given in enumerate(held):
        effect = None
        if decided and place >= len(held) - _WEIGHED:
            effect = weighing.effect(decided, now, overlay.load(without=[given.name]))
        if (lesson := book.whole(given.name)) is not None:
            lines.append(_Line(given, lesson, effect))
    return lines


def _decided(settings: Settings, bundle: Bundle) -> list[Decided]:
    try:
        with open_records(settings.station_path) as records:
            return of_late(records, bundle)
    except StoreError:  # nothing was recorded yet
        return []


def _as_text(line: _Line) -> str:
    review, lesson = line.given.review, line.lesson
    moment = datetime.fromtimestamp(review.reviewed_at / 1000, local_zone())
    changes = "" if line.effect is None else f"{line.effect.total} decided otherwise"
    parts = (
        review.record[-12:] or "teach",
        f"{moment:%Y-%m-%d %H:%M}",
        lesson.by,
        line.said,
        counted(line.windows, "window"),
        changes,
    )
    widths = (12, 16, 7, 32, 10, 22)
    columns = zip(parts, widths, strict=True)
    padded = [f"{part}{' ' * (width - cells(part))}" for part, width in columns]
    return "  ".join([*padded, lesson.source])


def _as_json(line: _Line) -> str:
    review, lesson, effect = line.given.review, line.lesson, line.effect
    return json_line(
        {
            "lesson": line.given.name,
            "record": review.record or None,
            "taught_at": review.reviewed_at,
            "by": lesson.by,
            "species_id": lesson.taught,
            "mistaken_for": lesson.mistaken,
            "windows": line.windows,
            "source": lesson.source,
            "records_otherwise": None if effect is None else effect.records,
            "candidates_otherwise": None if effect is None else effect.candidates,
        }
    )
