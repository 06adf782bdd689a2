"""Limits of a request: how many of one address, how long a body, how slow a client."""

import asyncio
import time
from collections import OrderedDict

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.web import uploads
from edge.web.config import WebConfig

MOST_BYTES = 65_536
"""Of a body."""
BODY_S, SEND_S = 10.0, 30.0
"""A body has come by then; a client that takes nothing for so long is cut off."""
_ADDRESSES = 4096
"""That are remembered."""


class Bucket:
    """Token bucket an address.

    Args:
        per_s: tokens that come back a second.
        burst: tokens at first, and at most.
    """

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s, self._burst = per_s, burst
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str, now_s: float | None = None) -> bool:
        """Take a token; False if none is left."""
        now_s = time.monotonic() if now_s is None else now_s
        left = self._now(address, now_s)
        self._left[address] = (left - 1 if left >= 1 else left, now_s)
        self._left.move_to_end(address)
        if len(self._left) > _ADDRESSES:
            self._left.popitem(last=False)
        return left >= 1

    def is_empty(self, address: str, now_s: float | None = None) -> bool:
        """True if no token is left."""
        return self._now(address, time.monotonic() if now_s is None else now_s) < 1

    def _now(self, address: str, now_s: float) -> float:
        left, before_s = self._left.get(address, (self._burst, now_s))
        return min(left + (now_s - before_s) * self._per_s, self._burst)


class Limits:
    """Middleware that answers 429, 413 and 408, and cuts off clients that take nothing.

    Args:
        app: inside.
        config: how many requests.
    """

    def __init__(self, app: ASGIApp, config: WebConfig) -> None:
        self._app = app
        self._bucket = Bucket(config.requests_per_s, config.burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request within the limits."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        if not self._bucket.take(scope["peer"]):
            headers = {"Retry-After": "2"}
            refusal = JSONResponse({"error": "too many requests"}, 429, headers)
            return await refusal(scope, receive, send)
        sender = _PatientSend(send)
        try:
            if uploads.is_upload(scope):
                return await self._app(scope, uploads.bounded(receive), sender)
            body = await _body(receive)
            if body is None:
                refusal = JSONResponse({"error": f"more than {MOST_BYTES} bytes"}, 413)
                return await refusal(scope, receive, sender)
            await self._app(scope, _again(body, receive), sender)
        except asyncio.TimeoutError:
            if not sender.begun:
                refusal = JSONResponse({"error": "the request came too slowly"}, 408)
                await refusal(scope, receive, send)


class _PatientSend:
    """Sends, and waits for the client, but not for ever."""

    def __init__(self, send: Send) -> None:
        self._send, self.begun = send, False

    async def __call__(self, message: Message) -> None:
        self.begun = True
        await asyncio.wait_for(self._send(message), SEND_S)


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None if it is too long."""
    return await asyncio.wait_for(_gathered(receive), BODY_S)


async def _gathered(receive: Receive) -> bytes | None:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if len(body) > MOST_BYTES:
            return None
        if not message.get("more_body", False):
            return body


def _again(body: bytes, receive: Receive) -> Receive:
    """Gives the body that was read, then what comes next: that the client has gone."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> Message:
        return left.pop() if left else await receive()

    return received
