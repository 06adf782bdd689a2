"""Whatever ffmpeg can open: RTSP, HTTP, HLS and all other URLs."""

import logging
from collections.abc import Generator

from edge.contract.errors import AudioError, BirdlistenError
from edge.source.block import Block
from edge.source.child import Child
from edge.source.fault import SourceAbsent, SourceFault
from edge.source.raw import RawPcm
from edge.source.supervisor import Patience

_LOG = logging.getLogger(__name__)
_SEGMENTS_S = 30.0
_LENGTH, _UNKNOWN = "Duration:", "Duration: N/A"


def is_url(text: str) -> bool:
    """True for a stream that ffmpeg reads (`rtsp://`, `http://`, ...)."""
    return "://" in text


class Stream:
    """A stream, decoded by an ffmpeg process.

    Args:
        url: what ffmpeg shall open.
        rate_hz: wanted rate.
    """

    def __init__(self, url: str, rate_hz: int) -> None:
        self.name, self._url, self._rate_hz = _without_password(url), url, rate_hz

    def blocks(self, patience: Patience) -> Generator[Block]:
        """As `Capture` has it; ends with a stream that told its length before.

        Raises:
            AudioError: ffmpeg is missing.
        """
        try:
            child = Child(self._command())
        except FileNotFoundError as error:
            raise AudioError(
                f"{self.name}: streams need ffmpeg: sudo apt install ffmpeg"
            ) from error
        with child:
            begun = False
            for block in RawPcm(child.pipe).blocks(
                self._rate_hz,
                first_s=patience.first_block_s,
                silence_s=max(patience.silence_s, self._burst_s()),
                stopped=patience.stopped,
            ):
                begun = True
                yield block
            if not patience.stopped.is_set():
                self._check_end(child, begun)

    def absent(self, error: SourceAbsent) -> BirdlistenError:
        """The stream can't be opened."""
        return AudioError(str(error))

    def _command(self) -> list[str]:
        # Only audio is asked for: a camera's video would be sent and thrown away.
        rtsp = ["-rtsp_transport", "tcp", "-allowed_media_types", "audio"]
        command = ["ffmpeg", "-nostdin", "-hide_banner", "-nostats", "-loglevel", "info"]
        command += rtsp if self._url.startswith(("rtsp://", "rtsps://")) else []
        # Five seconds are lost at each start otherwise.
        command += ["-analyzeduration", "500000"]
        command += ["-i", self._url, "-vn", "-ac", "1", "-ar", str(self._rate_hz)]
        return [*command, "-flush_packets", "1", "-f", "s16le", "-"]

    def _burst_s(self) -> float:
        """Of a playlist (HLS) some segments come at once, and then nothing for a while."""
        return _SEGMENTS_S if ".m3u8" in self._url else 0.0

    def _check_end(self, child: Child, begun: bool) -> None:
        failed = child.status() != 0
        if not begun:
            reason = child.said().replace(self._url, self.name)
            raise SourceAbsent(f"{self.name}: the stream can't be read ({reason})")
        length = child.said(_LENGTH)
        if failed or not length or _UNKNOWN in length:
            raise SourceFault("the stream has broken off")


def _without_password(url: str) -> str:
    """A camera's password has no place in logs and records."""
    scheme, _, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}://{place.rpartition('@')[2]}{slash}{path}"
