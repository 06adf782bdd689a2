"""Folder of tables: one a recording and form, or one for all."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath

from edge.contract.atomic import write_atomic
from edge.records.detection import FileDone
from edge.records.reader import RecordReader
from edge.report.forms import FORMS
from edge.report.row import Manner, Row, reviewed


class TableFolder:
    """Writes the tables of recordings.

    Args:
        folder: that they go to; made if need be.
        forms: names of them.
        manner: of the analysis.
    """

    def __init__(self, folder: Path, forms: Sequence[str], manner: Manner) -> None:
        self._folder, self._manner = folder, manner
        self._forms = [FORMS[name] for name in forms]

    def write_each(
        self, records: RecordReader, done: Sequence[FileDone], anew: Iterable[FileDone]
    ) -> Iterator[Path]:
        """Tables of single recordings: of those heard now, and those that have none yet.

        Args:
            records: of the output.
            done: all recordings of the run.
            anew: those that were heard now.
        """
        fresh = set(anew)
        for recording, place in zip(done, _places(done), strict=True):
            paths = {form: self._path(place, form.suffix) for form in self._forms}
            wanted = [
                (form, path)
                for form, path in paths.items()
                if recording in fresh or not path.exists()
            ]
            rows = list(rows_of(records, [recording])) if wanted else []
            for form, path in wanted:
                yield _written(path, form.encode(rows, self._manner))

    def write_combined(self, records: RecordReader, done: Sequence[FileDone]) -> Iterator[Path]:
        """A table of all recordings in each form."""
        rows = list(rows_of(records, done))
        for form in self._forms:
            yield _written(self._folder / form.combined, form.encode(rows, self._manner))

    def _path(self, place: PurePath, suffix: str) -> Path:
        return self._folder / place.with_name(place.name + suffix)


def rows_of(records: RecordReader, recordings: Iterable[FileDone]) -> Iterator[Row]:
    """Rows of what was reported; times of a recording follow those of the one before."""
    before_s = 0.0
    for recording in recordings:
        yield from reviewed(records, records.reported_in(recording), before_s)
        before_s += recording.length_s or 0.0


def _places(done: Sequence[FileDone]) -> Iterator[PurePath]:
    """A name of its own for each, without its suffix where that leaves it one."""
    plain = [_inside(recording) for recording in done]
    count = Counter(place.with_suffix("") for place in set(plain))
    taken = Counter[PurePath]()
    for place in plain:
        short = place.with_suffix("")
        wanted = short if count[short] == 1 else place
        taken[wanted] += 1
        number = taken[wanted]
        yield wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")


def _inside(recording: FileDone) -> PurePath:
    """Path below the folder of tables: as below the one that was given."""
    source = PurePath(recording.source)
    return PurePath(source.name) if recording.root is None else source


def _written(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, content)
    return path
