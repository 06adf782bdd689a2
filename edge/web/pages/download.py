"""Download of records as tables of other programs, written as fast as the client takes them."""

import queue
import threading
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from edge.contract.errors import ConfigError, StoreError
from edge.records.reader import RecordReader
from edge.records.search import RecordSearch, in_order
from edge.report.forms import FORMS, Form
from edge.report.row import Manner, Row, reviewed
from edge.web.guard import is_guest
from edge.web.pages.asked import filter_asked
from edge.web.pages.rendering import page
from edge.web.station import StationView, station_of

CHOICES = {
    "csv": "CSV",
    "raven": "Raven",
    "audacity": "Audacity",
    "kaleidoscope": "Kaleidoscope",
    "r": "R",
    "jsonl": "JSON lines",
}
"""Those that are written row by row, however many there are."""
_TYPES = {".csv": "text/csv", ".txt": "text/plain", ".jsonl": "application/x-ndjson"}
_CHUNK_BYTES, _AHEAD = 64 * 1024, 4
_SLOTS = threading.BoundedSemaphore(2)
"""Files at a time: one that finds little keeps a thread, and pages need those, too."""


def show_download(request: Request) -> Response:
    """The records of the address's filter as a file, the oldest first."""
    if is_guest(request):
        problem = "Files of records tell where the recorder is: they need a token."
        return page(request, "problem", 403, title="Download", problem=problem)
    station, query = station_of(request), request.query_params
    name = query.get("form", "csv")
    if name not in CHOICES:
        raise ConfigError(f"form: {name[:40]!r}, expected one of {', '.join(CHOICES)}")
    wanted, form = filter_asked(query, station.zone), FORMS[name]
    with station.records():
        pass  # a station without records is told now, and not in the middle of a file
    parts = [query[bound][:10] for bound in ("from", "to") if query.get(bound)]
    span = "-to-".join(dict.fromkeys(part for part in parts if part.replace("-", "").isdecimal()))
    suffix = form.combined[form.combined.rindex(".") :]
    file = "-".join(filter(None, ("birdlisten", span, name))) + suffix
    return StreamingResponse(
        pulled(lambda sink: _write(station, wanted, form, sink)),
        media_type=_TYPES[suffix],
        headers={"Content-Disposition": f'attachment; filename="{file}"'},
    )


def _write(station: StationView, wanted: RecordSearch, form: Form, sink: BinaryIO) -> None:
    with station.records() as records:
        form.write(_rows(records, wanted), sink, Manner())


def _rows(records: RecordReader, wanted: RecordSearch) -> Iterator[Row]:
    for chunk in in_order(records, wanted):
        yield from reviewed(records, chunk)


def pulled(write: Callable[[BinaryIO], object]) -> Iterator[bytes]:
    """Content that a function writes to a file, in parts that are made as they are taken.

    Args:
        write: ends with an error once nobody takes the parts any more.

    Raises:
        StoreError: others are being made already.
    """
    if not _SLOTS.acquire(blocking=False):
        raise StoreError("other files are being made; try again soon")
    parts = _begun(write)
    next(parts)  # from here on its end is told to the writer, whoever forgets it
    return parts


def _begun(write: Callable[[BinaryIO], object]) -> Iterator[bytes]:
    """Nothing once the writer has begun, then what it writes."""
    parts = queue.Queue[bytes | BaseException | None](_AHEAD)
    sink = _Sink(parts)

    def work() -> None:
        end = None
        try:
            write(cast(BinaryIO, sink))
            sink.flush()
        except BaseException as error:
            end = error
        finally:
            _SLOTS.release()
        sink.put(end)

    threading.Thread(target=work, daemon=True).start()
    try:
        yield b""
        while (part := parts.get()) is not None:
            if isinstance(part, BaseException):
                raise part
            yield part
    finally:
        sink.is_left.set()


class _Sink:
    """File in name only: hands parts on, and waits while there are enough of them."""

    def __init__(self, parts: "queue.Queue[bytes | BaseException | None]") -> None:
        self._parts, self._held = parts, bytearray()
        self.is_left = threading.Event()
        self.closed = False

    def write(self, content: bytes) -> int:
        """Take some bytes.

        Raises:
            BrokenPipeError: nobody reads any more.
        """
        self._held += content
        if len(self._held) >= _CHUNK_BYTES:
            self.flush()
        if self.is_left.is_set():
            raise BrokenPipeError
        return len(content)

    def flush(self) -> None:
        """Hand on what is held."""
        if self._held:
            self.put(bytes(self._held))
            self._held.clear()

    def put(self, part: bytes | BaseException | None) -> None:
        """Hand a part on, unless nobody takes it."""
        while not self.is_left.is_set():
            try:
                return self._parts.put(part, timeout=1.0)
            except queue.Full:
                continue

    def readable(self) -> bool:
        """It is written only."""
        return False

    def writable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It goes one way."""
        return False
