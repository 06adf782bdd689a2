"""Whatever ffmpeg can open: RTSP, HTTP, HLS and all other URLs."""

import re
import shutil
import subprocess
from collections.abc import Generator
from functools import cache

from edge.contract.errors import AudioError, BirdlistenError
from edge.source.block import Block
from edge.source.child import Child
from edge.source.fault import SourceAbsent, SourceFault
from edge.source.raw import RawPcm
from edge.source.supervisor import Patience
from edge.system.redaction import redacted, redacted_text

_SEGMENTS_S = 30.0
_LENGTH, _UNKNOWN = "Duration:", "Duration: N/A"
_FFMPEG = ("ffmpeg", "-nostdin", "-hide_banner", "-nostats", "-loglevel", "info")
_PROTOCOLS = (
    "file,pipe,crypto,data,concatf,http,https,httpproxy,tcp,tls,udp,udplite,rtp,srtp,rtsp,"
    "rtmp,rtmps,rtmpt,rtmpts,rtmpe,rtmpte,ffrtmphttp,ffrtmpcrypt,srt,rist,ftp,sftp,mmsh,mmst,"
    "gopher,gophers,hls,icecast,async,cache"
)
"""Those that a playlist may name."""
_PLAYLIST = (
    *("-f", "concat", "-safe", "0", "-protocol_whitelist", _PROTOCOLS),
    *("-analyzeduration", "500000", "-i", "pipe:0"),
)
_OPTIONS_SINCE = 5
"""Version of ffmpeg whose playlists have options."""


def is_url(text: str) -> bool:
    """True for a stream that ffmpeg reads (`rtsp://`, `http://`, ...)."""
    return "://" in text


def check_ffmpeg(url: str) -> None:
    """Check that a stream can be read at all.

    Raises:
        AudioError: ffmpeg is missing.
    """
    if shutil.which("ffmpeg") is None:
        raise _missing_ffmpeg(redacted(url))


class Stream:
    """A stream, decoded by an ffmpeg process.

    Args:
        url: what ffmpeg shall open.
        rate_hz: wanted rate.
    """

    def __init__(self, url: str, rate_hz: int) -> None:
        self.name, self._url, self._rate_hz = redacted(url), url, rate_hz
        self._secret = self.name != url

    def blocks(self, patience: Patience) -> Generator[Block]:
        """As `Capture` has it; ends with a stream that told its length before.

        Raises:
            AudioError: ffmpeg is missing.
        """
        try:
            child = self._child(self._command())
        except FileNotFoundError as error:
            raise _missing_ffmpeg(self.name) from error
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

    def _child(self, command: list[str]) -> Child:
        content = self._playlist() if self._secret else ""
        return Child(command, content, lambda line: redacted_text(line, self._url))

    def _command(self) -> list[str]:
        options = [word for name, value in self._options() for word in (f"-{name}", value)]
        opened = _PLAYLIST if self._secret else [*options, "-i", self._url]
        command = [*_FFMPEG, *opened, "-vn", "-ac", "1", "-ar", str(self._rate_hz)]
        return [*command, "-flush_packets", "1", "-f", "s16le", "-"]

    def _options(self) -> list[tuple[str, str]]:
        # Only audio is asked for: a camera's video would be sent and thrown away.
        rtsp = [("rtsp_transport", "tcp"), ("allowed_media_types", "audio")]
        rtsp = rtsp if self._url.startswith(("rtsp://", "rtsps://")) else []
        # Five seconds are lost at each start otherwise.
        return [*rtsp, ("analyzeduration", "500000")]

    def _playlist(self) -> str:
        """Playlist of the one URL: what stands in a command is read by everybody here (`ps`)."""
        url = "".join(self._url.splitlines()).replace("'", "'\\''")
        options = self._options() if _ffmpeg_version() >= _OPTIONS_SINCE else []
        lines = ["ffconcat version 1.0", f"file '{url}'"]
        return "\n".join([*lines, *(f"option {name} {value}" for name, value in options), ""])

    def _burst_s(self) -> float:
        """Of a playlist (HLS) some segments come at once, and then nothing for a while."""
        return _SEGMENTS_S if ".m3u8" in self._url else 0.0

    def _check_end(self, child: Child, begun: bool) -> None:
        failed = child.status() != 0
        if not begun:
            raise SourceAbsent(f"{self.name}: the stream can't be read ({child.said()})")
        length = self._ask_length() if self._secret and not failed else child.said(_LENGTH)
        if failed or not length or _UNKNOWN in length:
            raise SourceFault("the stream has broken off")

    def _ask_length(self) -> str:
        """Length in ffmpeg's words: a playlist has none, so the URL is opened once more."""
        command = [*_FFMPEG, "-protocol_whitelist", _PROTOCOLS, "-i", "concatf:pipe:0"]
        with Child(command, self._url, lambda line: redacted_text(line, self._url)) as child:
            child.status(_SEGMENTS_S)
            return child.said(_LENGTH)


def _missing_ffmpeg(name: str) -> AudioError:
    return AudioError(f"{name}: streams need ffmpeg: sudo apt install ffmpeg")


@cache
def _ffmpeg_version() -> int:
    """Major number; one built from a repository is taken for new."""
    told = subprocess.run(
        ["ffmpeg", "-version"], capture_output=True, text=True, timeout=_SEGMENTS_S
    )
    found = re.match(r"ffmpeg version n?(\d+)\.", told.stdout)
    return int(found[1]) if found else _OPTIONS_SINCE
