"""A web server that sends sound: an endless WAV at /live, in real time, and /file.wav."""

import io
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import BinaryIO

import numpy as np
import soundfile

_HEADER = 44
_UNKNOWN = b"\xff\xff\xff\xff"


class Radio:
    """Plays from the start until it is stopped.

    Args:
        samples: float or int16[samples], again and again at /live.
        rate_hz: of the samples.
    """

    def __init__(self, samples: np.ndarray, rate_hz: int) -> None:
        file = io.BytesIO()
        soundfile.write(file, samples, rate_hz, subtype="PCM_16", format="WAV")
        self._content, self._rate_hz = file.getvalue(), rate_hz
        self.playing, self.stalled = threading.Event(), threading.Event()
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        """Without a path."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Begin to serve, at the same port as before."""
        self.playing.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """End every stream, and refuse others."""
        self.playing.clear()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        radio = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                endless = self.path.partition("?")[0] == "/live"
                if not endless:
                    self.send_header("Content-Length", str(len(radio._content)))
                self.end_headers()
                try:
                    if endless:
                        radio._broadcast(self.wfile)
                    else:
                        self.wfile.write(radio._content)
                except OSError:
                    pass

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def _broadcast(self, listener: BinaryIO) -> None:
        head, sound = self._content[:_HEADER], self._content[_HEADER:]
        # The header of a WAV that doesn't say how long it is.
        listener.write(head[:4] + _UNKNOWN + head[8:40] + _UNKNOWN)
        step, sent, begun = self._rate_hz // 5, 0, time.monotonic()  # a tenth of a second
        while self.playing.is_set():
            if not self.stalled.is_set():
                listener.write(sound[sent % len(sound) :][:step])
            sent += step
            time.sleep(max(begun + sent / 2 / self._rate_hz - time.monotonic(), 0))
