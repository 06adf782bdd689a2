"""Completeness of a recording, by what its form says of its own end; nothing is decoded."""

from enum import Enum
from pathlib import Path

from edge.source import mp3
from edge.source.links import find_links
from edge.source.riff import misleading_layout
from edge.source.suffixes import BY_FFMPEG


class Completeness(Enum):
    """State of a file, as far as it says."""

    WHOLE = "whole"
    CUT = "cut"
    UNKNOWN = "unknown"


def completeness(path: Path) -> Completeness:
    """The state of a file: a WAV tells by its sizes, an Ogg by its last page.

    Of other forms only that they are cut can be seen, where they count their bytes. What is no
    recording is as whole as it will ever be.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4)
        # A size that was never written, or isn't reached, may be written yet.
        if not head or misleading_layout(path) or find_links(path).is_cut:
            return Completeness.CUT
    except (OSError, ValueError):  # it has gone, or is empty by now
        return Completeness.CUT
    coded = head == b"fLaC" or mp3.begins(head) or path.suffix.lower() in BY_FFMPEG
    return Completeness.UNKNOWN if coded else Completeness.WHOLE
