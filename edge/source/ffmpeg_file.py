"""Decoding by ffmpeg, of every file that libsndfile can't read: m4a, wma, 3gp, webm and others."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.contract.arrays import Float32s
from edge.contract.errors import AudioError
from edge.source.child import Child
from edge.source.decoding import Decoding, SampleForm, part_samples
from edge.source.riff import read_form

_LOG = logging.getLogger(__name__)
_COMMAND = ("ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error")
_OUTPUT = ("-map", "0:a:0", "-vn", "-c:a", "pcm_f32le", "-f", "wav", "-")
_END_S = 10.0


def has_ffmpeg() -> bool:
    """True if it is installed."""
    return shutil.which("ffmpeg") is not None


@contextmanager
def decode(path: Path) -> Iterator[Decoding]:
    """Open the first sound of a file.

    Raises:
        AudioError: ffmpeg can't read it; or, once its parts are read, it ends in damage.
    """
    with Child([*_COMMAND, "-i", f"file:{path}", *_OUTPUT]) as child:
        head = read_form(child.stdout.read)
        if head is None:
            raise AudioError(f"{path}: not readable as audio ({_said(child, path)})")
        rate_hz, form, _ = head
        parts = _parts(child, path, rate_hz=rate_hz, form=form)
        yield Decoding(rate_hz=rate_hz, channels=form.channels, parts=parts)


def _parts(child: Child, path: Path, rate_hz: int, form: SampleForm) -> Iterator[Float32s]:
    while content := child.stdout.read(part_samples(rate_hz) * form.frame_bytes):
        yield form.decode(content[: len(content) - len(content) % form.frame_bytes])
    if child.status(_END_S) != 0:
        raise AudioError(f"{path}: damaged ({_said(child, path)}); copy it again")
    if child.said():
        _LOG.warning("%s: ffmpeg doubts it (%s)", path, _said(child, path))


def _said(child: Child, path: Path) -> str:
    """The last words of ffmpeg, without the name that they begin with."""
    return child.said().removeprefix(f"file:{path}: ").rstrip(".") or "ffmpeg says nothing"
