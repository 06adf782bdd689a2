"""Server-sent events: each record once it is committed, none lost over a dropped connection.

Every client has its own place in the feed of records (`edge.records.feed`) and reads on from there
as fast as it takes them, so that nothing piles up for a slow one. One task looks for new records
for all, and only while there is somebody to tell. `Last-Event-ID` is the whole number of a record.
`pending` is what is being heard at this moment: all of it, each time it changes.
"""

import asyncio
import json
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from edge.contract.errors import StoreError
from edge.records import feed
from edge.records.detection import Detection
from edge.records.live_file import heard_now
from edge.records.live_state import HeardNow
from edge.records.numbers import number_of
from edge.records.reader import RecordReader
from edge.system import clock
from edge.web.config import WebConfig
from edge.web.station import StationView

Hearing = Sequence[tuple[str, HeardNow]]
"""Species that pass in the windows of this moment, each with its source."""
_LOG = logging.getLogger(__name__)
_RETRY_MS = 3000
_HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}


@dataclass(frozen=True)
class Shapes:
    """Shapes in which a client wants to have what it is told."""

    records: Callable[[RecordReader, list[Detection]], Sequence[Mapping[str, Any]]]
    hearing: Callable[[Hearing], Sequence[Mapping[str, Any]]]


class EventHub:
    """All clients that wait for records.

    Args:
        station: that is looked at.
        config: how many clients, and how often is looked.
    """

    def __init__(self, station: StationView, config: WebConfig) -> None:
        self._station, self._config = station, config
        self._changed = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self._place = -1
        self._hearing: Hearing = []
        self.clients, self.is_closed = 0, False

    def stream(self, request: Request, shapes: Shapes | None) -> Response:
        """The answer that goes on for as long as the client stays, from where it was cut off.

        Without shapes only signs of life are sent.
        """
        if self.clients >= self._config.streams:
            return JSONResponse({"error": "too many streams"}, 503, {"Retry-After": "30"})
        number = _last_event(request)
        return _EventResponse(self, self._events(number, shapes))

    async def close(self) -> None:
        """End all streams."""
        self.is_closed = True
        self._tell()
        if self._looking is not None:
            self._looking.cancel()

    def enter(self) -> None:
        """A client more."""
        self.clients += 1
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())

    def leave(self) -> None:
        """A client less; with the last one nobody looks any more."""
        self.clients -= 1
        if not self.clients and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def _events(self, number: int | None, shapes: Shapes | None) -> AsyncIterator[str]:
        place, known = await run_in_threadpool(self._begin, number)
        hello = {"clientId": secrets.token_hex(8), "message": "connected", "type": "connected"}
        yield f"retry: {_RETRY_MS}\n" + event("connected", hello, known)
        beat_s = time.monotonic() + self._config.heartbeat_s
        told: Hearing = []
        while not self.is_closed:
            changed, hearing = self._changed, self._hearing
            batch = await run_in_threadpool(self._read, place, shapes)
            for text in batch.texts:
                yield text
            place = batch.place
            if len(batch.texts) == feed.AT_ONCE:
                continue
            if shapes and hearing != told:
                yield event("pending", shapes.hearing(hearing))
                told = hearing
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(changed.wait(), max(beat_s - time.monotonic(), 0.01))
            if time.monotonic() >= beat_s:
                beat_s = time.monotonic() + self._config.heartbeat_s
                yield event("heartbeat", self._sign())

    def _sign(self) -> Mapping[str, Any]:
        """Sign that we are still there."""
        return {"timestamp": clock.now_ms() // 1000, "clients": self.clients, "type": "heartbeat"}

    def _begin(self, number: int | None) -> tuple[int, int]:
        """The place where a client begins, and the number of the record before it."""
        with suppress(StoreError), self._station.records() as records:
            place = feed.newest(records) if number is None else feed.place_after(records, number)
            return place, feed.last_reported(records, place)
        return 0, 0

    def _read(self, place: int, shapes: Shapes | None) -> "_Batch":
        if shapes is None:
            return _Batch([], place)
        try:
            with self._station.records() as records:
                found, end = feed.after(records, place)
                shaped = shapes.records(records, found)
        except StoreError as error:
            _LOG.debug("%s", error)  # the database is taken away or busy: the next look tells
            return _Batch([], place)
        pairs = zip(found, shaped, strict=True)
        return _Batch([event("detection", w, number_of(r.id)) for r, w in pairs], end)

    async def _look(self) -> None:
        """Wake all clients when there is a record behind the last look, or another bird sings."""
        while True:
            place, hearing = await run_in_threadpool(self._newest)
            if (place, hearing) != (self._place, self._hearing):
                self._place, self._hearing = place, hearing
                self._tell()
            await asyncio.sleep(self._config.poll_s)

    def _newest(self) -> tuple[int, Hearing]:
        hearing = heard_now(self._station.path)
        with suppress(StoreError), self._station.records() as records:
            return feed.newest(records), hearing
        return self._place, hearing

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


@dataclass(frozen=True)
class _Batch:
    """Events to send, and the place behind them."""

    texts: list[str]
    place: int


class _EventResponse(StreamingResponse):
    """Counts its client for as long as it is served."""

    def __init__(self, hub: EventHub, events: AsyncIterator[str]) -> None:
        super().__init__(events, media_type="text/event-stream", headers=_HEADERS)
        self._hub = hub

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self._hub.enter()
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._hub.leave()


def event(name: str, content: Any, number: int | None = None) -> str:
    """An event as text; one with a number can be resumed behind."""
    known = "" if number is None else f"id: {number}\n"
    return f"{known}event: {name}\ndata: {json.dumps(content)}\n\n"


def _last_event(request: Request) -> int | None:
    """The number that a client has seen last; of nonsense None: then it hears what is new."""
    text = request.headers.get("last-event-id") or request.query_params.get("last_event_id", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
