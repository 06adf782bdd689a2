"""Pictures in a terminal: kitty's graphics, iTerm's, sixels, or half blocks in colour.

kitty: sw.kovidgoyal.net/kitty/graphics-protocol; iTerm: iterm2.com/documentation-images; sixels:
DEC STD 070. What a terminal speaks is told by its variables, or by itself (DA1).
"""

import os
import re
import select
import sys
import termios
import tty
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.system.terminal import has_colour, terminal_columns

Pixels = npt.NDArray[np.uint8]
"""uint8[height, width, 3]: red, green and blue."""
KITTY, ITERM, SIXEL, BLOCKS = "kitty", "iterm", "sixel", "blocks"
ROWS = 12
"""Height of a picture in lines."""
_MARGIN = 2
_PIXELS_A_ROW = {KITTY: 26, SIXEL: 16, BLOCKS: 2, ITERM: 0}
"""Height of a line as pictures are made; a terminal scales them, but for sixels and blocks."""
_CHUNK = 4096
_ANSWER_S = 0.3
"""Time that a terminal has to answer; over a slow line it gets half blocks."""
_LEVELS = 6
"""Of each colour: 216 together are the most that every sixel terminal has, and xterm's 256 hold."""


def is_drawn(environ: Mapping[str, str]) -> bool:
    """True where a person looks at a terminal that can show pictures somehow."""
    return has_colour() and environ.get("TERM") != "linux"


def protocol(environ: Mapping[str, str], ask: Callable[[], str] | None = None) -> str:
    """The best way to show a picture here.

    Args:
        environ: variables.
        ask: gives a terminal's answer to DA1; the default asks the one that this process has.
    """
    term, program = environ.get("TERM", ""), environ.get("TERM_PROGRAM", "")
    if term.startswith(("screen", "tmux")) or program == "tmux":
        return BLOCKS  # they keep pictures from the terminal behind
    if environ.get("KITTY_WINDOW_ID") or "kitty" in term or "ghostty" in (program, term[6:]):
        return KITTY
    if program in ("iTerm.app", "WezTerm") or environ.get("LC_TERMINAL") == "iTerm2":
        return ITERM
    answer = re.search(r"\x1b\[\?([\d;]+)c", (ask or _device_attributes)())
    return SIXEL if answer and "4" in answer[1].split(";")[1:] else BLOCKS


def room(way: str) -> tuple[int, int]:
    """Most width and height of a picture, in pixels."""
    columns = (terminal_columns(sys.stdout) or 80) - 2 * _MARGIN
    height = ROWS * _PIXELS_A_ROW[way]
    return (columns if way == BLOCKS else columns * _PIXELS_A_ROW[way] // 2), height


def drawn(way: str, path: Path, pixels: Callable[[int, int], Pixels]) -> str:
    """A picture as a terminal is told it, without the last line's end.

    Args:
        way: of `protocol`.
        path: of the picture's file, JPEG or PNG.
        pixels: gives the picture within a width and a height.
    """
    margin = " " * _MARGIN
    if way == ITERM:
        content = b64encode(path.read_bytes()).decode()
        options = f"inline=1;height={ROWS};preserveAspectRatio=1"
        return f"{margin}\033]1337;File={options}:{content}\a"
    image = pixels(*room(way))
    if way == KITTY:
        return margin + "".join(_kitty(image))
    if way == SIXEL:
        return f"{margin}\033Pq{''.join(_sixels(image))}\033\\"
    return "\n".join(f"{margin}{row}" for row in _blocks(image))


def _kitty(image: Pixels) -> Iterator[str]:
    """Compressed pixels, in parts; the terminal shall not answer."""
    height, width = image.shape[:2]
    content = b64encode(zlib.compress(np.ascontiguousarray(image).tobytes())).decode()
    options = f"a=T,f=24,o=z,q=2,r={ROWS},s={width},v={height},"
    for begin in range(0, len(content), _CHUNK):
        more = int(begin + _CHUNK < len(content))
        yield f"\033_G{options}m={more};{content[begin : begin + _CHUNK]}\033\\"
        options = ""


def _levels(image: Pixels) -> npt.NDArray[np.intp]:
    """Each colour in `_LEVELS` steps, intp[height, width, 3], dithered by a pattern (Bayer)."""
    pattern = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) / 16
    height, width = image.shape[:2]
    grain = np.tile(pattern, (height // 4 + 1, width // 4 + 1))[:height, :width, None]
    return (image / 255 * (_LEVELS - 1) + grain * 0.98).astype(np.intp)


def _sixels(image: Pixels) -> Iterator[str]:
    """Palette, then bands of six lines, each a pass a colour."""
    red, green, blue = np.moveaxis(_levels(image), 2, 0)
    colours = (red * _LEVELS + green) * _LEVELS + blue
    height, width = colours.shape
    yield f'"1;1;{width};{height}'
    step = 100 // (_LEVELS - 1)
    for colour in np.unique(colours):
        parts = (colour // _LEVELS**2, colour // _LEVELS % _LEVELS, colour % _LEVELS)
        yield f"#{colour};2;" + ";".join(str(int(part) * step) for part in parts)
    for top in range(0, height, 6):
        band = colours[top : top + 6]
        bits = 1 << np.arange(len(band))[:, None]
        for colour in np.unique(band):
            yield f"#{colour}{_runs(((band == colour) * bits).sum(axis=0))}$"
        yield "-"


def _runs(sixes: npt.NDArray[np.intp]) -> str:
    """A line of sixels, with what repeats counted."""
    begins = np.flatnonzero(np.diff(sixes, prepend=-1))
    counts = np.diff(begins, append=len(sixes))
    letters = [chr(63 + int(value)) for value in sixes[begins]]
    return "".join(
        letter * int(count) if count < 4 else f"!{count}{letter}"
        for letter, count in zip(letters, counts, strict=True)
    )


def _blocks(image: Pixels) -> Iterator[str]:
    """Lines of half blocks: the upper pixel in the letter's colour, the lower one behind it."""
    if len(image) % 2:
        image = np.concatenate([image, image[-1:]])
    exact = os.environ.get("COLORTERM") in ("truecolor", "24bit")
    codes = _exact(image) if exact else _of_256(image)
    for upper, lower in zip(codes[::2], codes[1::2], strict=True):
        cells = (f"\033[38;{a};48;{b}m▀" for a, b in zip(upper, lower, strict=True))
        yield f"{''.join(cells)}\033[0m"


def _exact(image: Pixels) -> list[list[str]]:
    return [[f"2;{red};{green};{blue}" for red, green, blue in row] for row in image.tolist()]


def _of_256(image: Pixels) -> list[list[str]]:
    red, green, blue = np.moveaxis(_levels(image), 2, 0)
    colours = 16 + (red * _LEVELS + green) * _LEVELS + blue
    return [[f"5;{colour}" for colour in row] for row in colours.tolist()]


def _device_attributes() -> str:
    """The terminal's answer to DA1; empty if it gives none in time."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return ""
    try:
        modes = termios.tcgetattr(terminal)
        try:
            tty.setcbreak(terminal)
            os.write(terminal, b"\033[c")
            return _answer(terminal)
        finally:
            termios.tcsetattr(terminal, termios.TCSANOW, modes)
    except (OSError, termios.error):
        return ""
    finally:
        os.close(terminal)


def _answer(terminal: int) -> str:
    answer = b""
    while not answer.endswith(b"c") and select.select([terminal], [], [], _ANSWER_S)[0]:
        answer += os.read(terminal, 64)
    return answer.decode("ascii", "replace")
