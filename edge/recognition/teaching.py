"""Teaching of a station by a person's verdicts, each checked before anything changes.

A confirmed sound becomes an exemplar of its species, and if it was taken for another, it is none of
that one from then on; a rejected one is no bird's. All windows of a record speak. Each verdict is
one file (`edge.records.lessons`), which a running listener takes up with its next window.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.contract.arrays import Float16s
from edge.contract.bundle import Bundle
from edge.contract.errors import BirdlistenError, ConfigError, StoreError
from edge.contract.paths import is_plain_name
from edge.decision.selection import named
from edge.recognition.overlay import FOLDER, packed, rows_of
from edge.records.detection import Detection, Rejection
from edge.records.evidence import Evidence
from edge.records.inbox import CONFIRMED, REJECTED, Lesson, Review
from edge.records.lessons import Given, LessonBook, give, holding
from edge.records.reader import open_records
from edge.system import clock

_SHORTEST = 0.5
_TEACH = "teach a recording of it: birdlisten teach FILE --as NAME"


@dataclass(frozen=True)
class Taught:
    """A verdict as it was given."""

    lesson: str
    """Its name."""
    record: str
    """Id of the record; of a recording, its path."""
    species_id: str
    windows: int
    """That teach it; 0 where they can't."""


class Teaching:
    """Verdicts on the records of a station.

    Args:
        station: its folder.
        bundle: opens the bundle, which is asked for the names of other species.
        by: the command, or page, that they come from; None: the command of each.
        needs_sound: refuse a verdict on a record whose windows are not kept any more, or mean
            nothing to the bundle's encoder.
    """

    def __init__(
        self,
        station: Path,
        bundle: Callable[[], Bundle],
        by: str | None = None,
        needs_sound: bool = True,
    ) -> None:
        self._station, self._bundle = station, bundle
        self._by, self._needs_sound = by, needs_sound

    def confirm(self, part: str, name: str | None = None) -> Taught:
        """It was this species, or the named one.

        Raises:
            BirdlistenError: there is no such record or species; nothing has changed.
        """
        record, sounds = self._heard(part)
        bundle = None if name is None else self._bundle()
        species_id = record.species_id if not bundle or not name else _species(name, bundle)
        if species_id != record.species_id and sounds is None:
            raise ConfigError("species: the sound is not kept any more as this bundle hears it")
        lesson = self._lesson(
            "confirm",
            record,
            sounds,
            taught=species_id,
            mistaken=record.species_id if species_id != record.species_id else None,
            species=_unlisted(species_id, bundle) if bundle else None,
        )
        return self._give(_review(record.id, CONFIRMED, lesson, note=species_id))

    def reject(self, part: str) -> Taught:
        """It was no bird that is listened for.

        Raises:
            StoreError: there is no such record; nothing has changed.
        """
        record, sounds = self._heard(part)
        lesson = self._lesson("reject", record, sounds)
        return self._give(_review(record.id, REJECTED, lesson))

    def take_back(self, part: str) -> str:
        """Forget all that was said of a record; its id.

        Raises:
            StoreError: there is no such record.
        """
        with open_records(self._station) as records:
            record = _detection(records.find(part))
        given = LessonBook(self._station).given()
        names = [lesson.name for lesson in given if lesson.review.record == record.id]
        undoing = Lesson(by=self._by or "undo", undoes=(*names, record.id))
        give(self._station, _review(record.id, None, undoing))
        return record.id

    def take_back_last(self) -> Given:
        """Undo the newest of the lessons that hold; the one before on its record counts again.

        Raises:
            StoreError: there is none.
        """
        given = LessonBook(self._station).given()
        held = holding(given)
        if not held:
            raise StoreError(
                f"{self._station}: no verdict holds here that could be taken back; "
                "how else goes what was learnt: birdlisten learnt"
            )
        last = held[-1]
        before = holding([lesson for lesson in given if lesson.name != last.name])
        former = next((lesson.review for lesson in before if lesson.about == last.about), None)
        verdict, note = (former.verdict, former.note) if former else self._former(last)
        undoing = Lesson(by=self._by or "undo", undoes=(last.name,))
        give(
            self._station,
            _review(last.review.record, verdict, undoing, note),
        )
        return last

    def check(self, name: str) -> None:
        """Refuse a name that stands for no species, or for several.

        Raises:
            ConfigError: it does.
        """
        _species(name, self._bundle())

    def teach(self, source: str, sounds: Float16s, name: str) -> Taught:
        """These windows of a recording are of a species.

        Args:
            source: path of the recording.
            sounds: float16[windows, sound_dim].
            name: of the species.

        Raises:
            BirdlistenError: there is no such species; nothing has changed.
        """
        bundle = self._bundle()
        species_id = _species(name, bundle)
        lesson = Lesson(
            by=self._by or "teach",
            source=source,
            model=bundle.manifest.model_id,
            taught=species_id,
            species=_unlisted(species_id, bundle),
            dim=sounds.shape[1],
            rows=packed(sounds),
        )
        return self._give(_review("", None, lesson, species_id))

    def _heard(self, part: str) -> tuple[Detection, Float16s | None]:
        """A record, and its sounds, float16[windows, sound_dim]; None if they can't teach."""
        with open_records(self._station) as records:
            record = _detection(records.find(part))
            try:
                return record, self._sounds(record, records.evidence(record.id))
            except StoreError:
                if self._needs_sound:
                    raise
                return record, None

    def _sounds(self, record: Detection, evidence: Evidence) -> Float16s:
        """Those that mean something to the encoder in use.

        A bundle that can't be opened now doesn't stand in a verdict's way.

        Raises:
            StoreError: there are none.
        """
        sounds = _unit(evidence.lessons)
        if not len(sounds):
            raise StoreError(f"{record.id}: was matched again without its sound; {_TEACH}")
        try:
            manifest = self._bundle().manifest
        except BirdlistenError:
            return sounds
        if (record.model_id, sounds.shape[1]) != (manifest.model_id, manifest.sound_dim):
            raise StoreError(
                f"{record.id}: its sound was kept by another encoder, or before this bundle told "
                f"sounds apart, and would teach nothing; {_TEACH}"
            )
        return sounds

    def _lesson(
        self,
        command: str,
        record: Detection,
        sounds: Float16s | None,
        taught: str | None = None,
        mistaken: str | None = None,
        species: dict[str, str] | None = None,
    ) -> Lesson:
        return Lesson(
            by=self._by or command,
            source=record.source,
            model=record.model_id,
            taught=taught,
            mistaken=mistaken,
            species=species,
            dim=0 if sounds is None else sounds.shape[1],
            rows="" if sounds is None else packed(sounds),
        )

    def _give(self, review: Review) -> Taught:
        name, lesson = give(self._station, review), review.lesson
        windows = len(rows_of(lesson)) if lesson and lesson.rows else 0
        about = review.record or (lesson.source if lesson else "")
        return Taught(name, about, review.note, windows)

    def _former(self, last: Given) -> tuple[str | None, str]:
        """The verdict that a former version's file still stands for."""
        record, folder = last.review.record, self._station / FOLDER
        if not is_plain_name(record):
            return None, ""
        for file in sorted(folder.glob(f"*/exemplars/*/{record}.npy")):
            return CONFIRMED, file.parent.name
        return (REJECTED, "") if any(folder.glob(f"*/rejected/{record}.npy")) else (None, "")


def _review(record: str, verdict: str | None, lesson: Lesson, note: str = "") -> Review:
    return Review(record, verdict, note, clock.now_ms(), lesson=lesson)


def _detection(found: Detection | Rejection) -> Detection:
    return found.candidate if isinstance(found, Rejection) else found


def _unit(rows: Float16s) -> Float16s:
    """Those that have a direction: of what was matched again without sound there is none."""
    length = np.linalg.norm(rows.astype(np.float32), axis=1)
    return np.asarray(rows[length > _SHORTEST])


def _unlisted(species_id: str, bundle: Bundle) -> dict[str, str] | None:
    """Line of a species outside the usual set: what was taught of it shall be reported."""
    manifest = bundle.manifest
    usual = manifest.species_sets[manifest.default_species_set]
    listened = usual is None or species_id in usual
    return None if listened else bundle.taxonomy.by_id()[species_id].line


def _species(name: str, bundle: Bundle) -> str:
    found = named(bundle.taxonomy, name)
    if len(found) != 1:
        raise ConfigError(f"{name!r} stands for {len(found)} species; name one")
    return found.pop()
