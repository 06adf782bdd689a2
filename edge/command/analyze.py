"""`birdlisten analyze`: recordings worked off by all cores, each once, and written as tables."""

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from edge.analysis.analyst import Analysis
from edge.analysis.archive import Archive, open_archive
from edge.analysis.inputs import find_inputs
from edge.analysis.ledger import manner_of
from edge.analysis.pool import PoolJob, WorkerPool
from edge.analysis.ray_pool import RayPool
from edge.analysis.recording_file import FileState, RecordingFile
from edge.command.language import names_of
from edge.command.opening import keep_none
from edge.command.picture_show import drawer, picture_files
from edge.command.worker import open_analyst
from edge.config import Settings, hop_samples
from edge.contract.errors import ConfigError
from edge.contract.manifest import Manifest, load_manifest
from edge.contract.text import counted
from edge.pipeline.tally import Tally
from edge.records.detection import Record
from edge.records.sink import RecordSink
from edge.report.folder import TableFolder
from edge.report.forms import read_forms
from edge.report.row import Manner
from edge.system.bundles import HUB
from edge.system.outlet import Outlet
from edge.system.progress import ProgressBar, in_short
from edge.system.terminal import say

_LOG = logging.getLogger(__name__)
_WORKER = "edge.command.worker"
KNOWN_ALREADY = "%s known already, and not heard again (--again hears all)"
FORM = "csv"
"""Of tables, unless others are named."""


@dataclass(frozen=True, kw_only=True)
class AnalysisRequest:
    """Wishes of one analysis, beside the settings."""

    paths: Sequence[Path | str]
    """Texts are URLs of an object store."""
    output: Path | None = None
    """Folder of tables, and of the records unless a station is named."""
    form: str | None = None
    combine: bool = False
    """One table of all recordings, too."""
    again: bool = False
    """Hear what is known already."""
    keep_embeddings: bool = False
    """Keep the encoded windows beside the records."""
    jobs: int | None = None
    """Worker processes; None: one a core."""
    ray: str | None = None
    """Address of a Ray cluster that hears; None: this machine does."""


def analyze(settings: Settings, request: AnalysisRequest) -> int:
    """Work recordings off; 1 if one could not be used.

    Raises:
        BirdlistenError: bundle, settings or output can't be used, or there is no recording.
        BrokenPipeError: nobody reads what is found any more.
    """
    forms = read_forms(request.form or FORM)
    if request.keep_embeddings and request.output is None and not settings.names_station:
        raise ConfigError("--keep-embeddings: where? name a folder: --output DIR")
    inputs = find_inputs(request.paths)
    run = AnalysisRun(settings, request)
    with ExitStack() as stack:
        run.open(stack)
        run.hear(inputs.files)
        if request.output is not None:
            run.write_tables(inputs.files, forms, request.output)
    run.tell(len(inputs.files))
    return 1 if run.failed or inputs.problems else 0


class AnalysisRun:
    """One run through recordings."""

    def __init__(self, settings: Settings, request: AnalysisRequest) -> None:
        if settings.bundle.startswith(HUB):  # what is fetched now is what all its workers hear with
            settings = replace(settings, bundle=str(settings.bundle_path))
        self._settings, self._request = settings, request
        self._manifest = load_manifest(settings.bundle_path)
        self._archive: Archive | None = None
        self._show: Callable[[Record], object] = lambda record: None
        self._heard: list[RecordingFile] = []
        self._heard_s, self._undated, self._tally = 0.0, 0, Tally()
        self.failed = 0

    def open(self, stack: ExitStack) -> None:
        """Open what is written to."""
        settings, output = self._settings, self._request.output
        folder = settings.station_path if settings.names_station else output
        if folder is not None:
            manner = manner_of(settings, self._manifest.model_id)
            self._archive = stack.enter_context(open_archive(folder, manner, names_of(settings)))
        if output is None or settings.json:
            outlet = stack.enter_context(Outlet(sys.stdout, patient=True))
            sink = RecordSink(
                keep_none,
                outlet.write,
                as_json=settings.json,
                explain=settings.explain,
                files=picture_files(settings),
                draw=drawer(settings),
            )
            self._show = partial(_show, sink, outlet)

    def hear(self, files: Sequence[RecordingFile]) -> None:
        """Hear what isn't known, keep and print what is found."""
        left = [file for file in files if not self._is_known(file)]
        if known := len(files) - len(left):
            _LOG.info(KNOWN_ALREADY, counted(known, "recording"))
        states = {file: state_of(file) for file in left}
        shown = len(left) > 1 and not self._settings.quiet
        with ProgressBar(sum(state.size for state in states.values()), shown) as bar:
            for file, analysis in self._analyses(left):
                self._take(file, states[file], analysis)
                bar.advance(states[file].size, f"{in_short(self._heard_s)} heard")

    def write_tables(
        self, files: Sequence[RecordingFile], forms: Sequence[str], output: Path
    ) -> None:
        """Write the tables, and print where they are."""
        assert self._archive is not None
        folder = TableFolder(output, forms, table_manner(self._settings, self._manifest))
        records, done = self._archive.records, self._archive.entries(files)
        # Those of another language are not what is wanted now.
        anew = self._heard if self._settings.language is None else files
        written = list(folder.write_each(records, done, self._archive.entries(anew)))
        if self._request.combine:
            written += folder.write_combined(records, done)
        if not self._settings.json:
            for path in written:
                say(path)

    def tell(self, files: int) -> None:
        """Say what was heard, and what can't be known of it."""
        if self._tally.windows:
            _LOG.info("%s: %s", in_short(self._heard_s), self._tally)
        if self._undated:
            what = counted(self._undated, "recording")
            _LOG.warning(
                "%s of a local time without its zone, so undated; say which: --time-zone "
                "Europe/Berlin",
                what,
            )
        if self.failed and files > 1:
            _LOG.error("%d of %d files could not be used", self.failed, files)

    def _is_known(self, file: RecordingFile) -> bool:
        if self._archive is None or self._request.again:
            return False
        known = self._archive.known(file)
        if self._request.keep_embeddings and not self._archive.encoded.has(file.key):
            return False
        if known is not None and known.fault:
            self._fail(known.fault)
        return known is not None

    def _analyses(self, files: Sequence[RecordingFile]) -> Iterator[tuple[RecordingFile, Analysis]]:
        """Outcomes of recordings, in order; by one process that shows it at once, or more."""
        jobs = min(self._request.jobs or len(os.sched_getaffinity(0)), len(files))
        if jobs == 0:
            return
        if jobs == 1 and self._request.ray is None:
            analyst = open_analyst(self._settings, self._request.keep_embeddings)
            yield from ((file, analyst.analyse(file, self._show)) for file in files)
            return
        with self._pool(jobs) as pool:
            for file, analysis in pool.analyses(files):
                for level, line in analysis.told:
                    _LOG.log(level, "%s", line)
                for record in analysis.records:
                    self._show(record)
                yield file, analysis

    def _pool(self, jobs: int) -> WorkerPool | RayPool:
        """Hearers: processes here, or a cluster."""
        request, level = self._request, logging.getLogger().level
        job = PoolJob(_WORKER, self._settings, level, request.keep_embeddings)
        if request.ray is None:
            return WorkerPool(job, jobs)
        return RayPool(job, request.ray, request.jobs)

    def _take(self, file: RecordingFile, state: FileState, analysis: Analysis) -> None:
        self._heard.append(file)
        self._heard_s += analysis.length_s
        self._undated += analysis.lacks_zone
        self._tally.add(analysis.tally)
        if analysis.fault:
            self._fail(analysis.said)
        if self._archive is not None:
            self._archive.keep(file, state, analysis)

    def _fail(self, fault: str) -> None:
        self.failed += 1
        _LOG.error("%s", fault)


def table_manner(settings: Settings, manifest: Manifest) -> Manner:
    """Settings of the analysis that tables repeat."""
    audio = manifest.audio
    overlap = audio.window_samples - hop_samples(settings, audio)
    return Manner(
        overlap_s=overlap / audio.sample_rate_hz,
        threshold=settings.threshold,
        species_list=settings.species or "",
    )


def _show(sink: RecordSink, outlet: Outlet, record: Record) -> None:
    sink([record])
    outlet.wait_for_room()


def state_of(file: RecordingFile) -> FileState:
    """Size and time; of one that isn't there, none: it will be found at fault."""
    try:
        return file.state()
    except OSError:
        return FileState(0, 0)
