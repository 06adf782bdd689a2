"""Server-sent events: each record once it is committed, none lost over a dropped connection.

Every client has its own place in the feed of records (`edge.records.feed`) and reads on from there
as fast as it takes them, so that nothing piles up for a slow one. One task looks for new records
for all, and only while there is somebody to tell. `Last-Event-ID` is the whole number of a record.
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
from edge.records.numbers import number_of
from edge.records.reader import RecordReader
from edge.system import clock
from edge.web.config import WebConfig
from edge.web.station import StationView

Shape = Callable[[RecordReader, list[Detection]], Sequence[Mapping[str, Any]]]
"""Records as a client wants to have them."""
_LOG = logging.getLogger(__name__)
_RETRY_MS = 3000
_HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}


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
        self.clients, self.is_closed = 0, False

    def stream(self, request: Request, shape: Shape | None) -> Response:
        """The answer that goes on for as long as the client stays, from where it was cut off.

        Without a shape only signs of life are sent.
        """
        if self.clients >= self._config.streams:
            return JSONResponse({"error": "too many streams"}, 503, {"Retry-After": "30"})
        number = _last_event(request)
        return _EventResponse(self, self._events(number, shape))

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

    async def _events(self, number: int | None, shape: Shape | None) -> AsyncIterator[str]:
        place, known = await run_in_threadpool(self._begin, number)
        hello = {"clientId": secrets.token_hex(8), "message": "connected", "type": "connected"}
        yield f"retry: {_RETRY_MS}\n" + event("connected", hello, known)
        beat_s = time.monotonic() + self._config.heartbeat_s
        while not self.is_closed:
            changed = self._changed
            batch = await run_in_threadpool(self._read, place, shape)
            for text in batch.texts:
                yield text
            place = batch.place
            if len(batch.texts) == feed.AT_ONCE:
                continue
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

    def _read(self, place: int, shape: Shape | None) -> "_Batch":
        if shape is None:
            return _Batch([], place)
        try:
            with self._station.records() as records:
                found, end = feed.after(records, place)
                shaped = shape(records, found)
        except StoreError as error:
            _LOG.debug("%s", error)  # the database is taken away or busy: the next look tells
            return _Batch([], place)
        pairs = zip(found, shaped, strict=True)
        return _Batch([event("detection", w, number_of(r.id)) for r, w in pairs], end)

    async def _look(self) -> None:
        """Wake all clients when there is something behind what was there at the last look."""
        while True:
            place = await run_in_threadpool(self._newest)
            if place != self._place:
                self._place = place
                self._tell()
            await asyncio.sleep(self._config.poll_s)

    def _newest(self) -> int:
        with suppress(StoreError), self._station.records() as records:
            return feed.newest(records)
        return self._place

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


def event(name: str, content: Mapping[str, Any], number: int | None = None) -> str:
    """An event as text; one with a number can be resumed behind."""
    known = "" if number is None else f"id: {number}\n"
    return f"{known}event: {name}\ndata: {json.dumps(content)}\n\n"


def _last_event(request: Request) -> int | None:
    """The number that a client has seen last; of nonsense None: then it hears what is new."""
    text = request.headers.get("last-event-id") or request.query_params.get("last_event_id", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
