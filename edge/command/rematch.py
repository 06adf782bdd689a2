"""`birdlisten rematch DIR`: what `analyze --keep-embeddings` kept, with a changed gallery."""

import logging
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.analysis.analyst import encoded_by
from edge.analysis.archive import Archive, open_archive
from edge.analysis.encoded import EncodedBy
from edge.analysis.ledger import manner_of
from edge.command.analyze import FORM, table_manner
from edge.command.language import names_of
from edge.command.opening import open_listener, open_recognizer
from edge.config import Settings
from edge.contract.errors import ConfigError, StoreError
from edge.contract.text import counted
from edge.pipeline.builder import Origin
from edge.pipeline.listener import Listener
from edge.records.detection import FileDone, Record
from edge.report.folder import TableFolder
from edge.report.forms import read_forms
from edge.system.progress import ProgressBar
from edge.system.terminal import say

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class RematchRequest:
    """Output to be matched again."""

    output: Path
    form: str | None = None
    combine: bool = False


def rematch(settings: Settings, request: RematchRequest) -> int:
    """Match all kept recordings of an output again, and write its tables; 1 if one can't be.

    Raises:
        BirdlistenError: bundle, settings or output can't be used.
    """
    forms = read_forms(request.form or FORM)
    listener = open_listener(settings, open_recognizer(settings))
    manifest, failed = listener.recognizer.bundle.manifest, 0
    matched: list[FileDone] = []
    manner = manner_of(settings, manifest.model_id)
    with open_archive(request.output, manner, names_of(settings)) as archive:
        recordings = archive.records.files_done()
        if not recordings:
            raise ConfigError(f"{request.output}: holds no recordings; analyze them first")
        with ProgressBar(len(recordings), shown=not settings.quiet) as bar:
            for done in recordings:
                try:
                    records = list(_records(done, archive, listener))
                    matched.append(archive.keep_matched(done, records))
                except StoreError as error:
                    _LOG.error("%s", error)
                    failed += 1
                bar.advance(1, counted(len(matched), "recording"))
        tables = TableFolder(request.output, forms, table_manner(settings, manifest))
        written = [*tables.write_each(archive.records, matched, matched)]
        if request.combine:
            written += tables.write_combined(archive.records, matched)
    for path in written:
        say(path)
    _LOG.info("%s matched again: %s", counted(len(matched), "recording"), listener.tally)
    return 1 if failed else 0


def _records(done: FileDone, archive: Archive, listener: Listener) -> Iterator[Record]:
    """The records of a recording by its kept windows.

    Raises:
        StoreError: they were not kept, can't be read, or are of another encoder.
    """
    encoded = archive.encoded.read(done.key)
    _check(done, encoded.by, encoded_by(listener))
    for channel, windows in encoded.by_channel():
        origin = Origin(
            source=done.source,
            station=socket.gethostname(),
            live=False,
            recorded=encoded.made,
            root=done.root,
            volume=done.volume,
            channel=channel,
        )
        yield from listener.match_again(windows, origin)


def _check(done: FileDone, kept: EncodedBy, ours: EncodedBy) -> None:
    """The gallery, names and settings may differ; the encoder and the windows may not."""
    for name, value in vars(kept).items():
        if value != getattr(ours, name):
            raise StoreError(
                f"{done.source}: kept by {name} {value}, this run has {getattr(ours, name)}; "
                "name that bundle, --precision and --hop, or analyze again"
            )
