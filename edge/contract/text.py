"""Text that others wrote, as it is shown, printed as JSON and kept.

Names come from bundles, file names and streams. Shown raw, a control character could move a
terminal's cursor or forge a line, and half of a surrogate pair can be neither printed nor stored.
"""

import json
import unicodedata
from typing import Any

_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories that are shown escaped: controls, formats, surrogates, separators of lines."""
_BREAKING = {"Cc", "Zl", "Zp"}
"""Of these, those that are no part of a word."""
_BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
"""Letters and signs that nobody sees."""
_JOINERS = "\u200c\u200d"
"""They belong to the spelling of Persian, Hindi and emoji; between other letters they only hide."""
_VIRAMA = 9
"""Combining class of the sign after which an Indian letter may be joined."""


def visible(text: object) -> str:
    """A text as one line in which every character can be seen; what can't be is escaped."""
    written = str(text)
    if written.isascii() and written.isprintable():
        return written
    return "".join(
        _escaped(letter) if _is_hidden(letter, written[place - 1 : place]) else letter
        for place, letter in enumerate(written)
    )


def well_formed(text: str) -> str:
    """A text that UTF-8 can hold: halves of surrogate pairs are escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def one_line(text: str) -> str:
    """A text that tables and arguments of commands can hold: controls in it are blanks."""
    if text.isprintable():
        return text
    spaced = (" " if unicodedata.category(c) in _BREAKING else c for c in text)
    return well_formed("".join(spaced))


def json_line(value: Any) -> str:
    """JSON in one line of visible ASCII, which no encoding of a terminal can spoil."""
    return json.dumps(value).replace("\x7f", "\\u007f")


def _is_hidden(letter: str, before: str) -> bool:
    if letter in _JOINERS:
        return not _is_joined(before)
    return letter in _BLANK or unicodedata.category(letter) in _HIDDEN


def _is_joined(before: str) -> bool:
    """True behind an Arabic letter, an Indian sign, or a picture, where a joiner is spelling."""
    if not before:
        return False
    arabic = unicodedata.bidirectional(before) == "AL"
    picture = unicodedata.category(before) in ("So", "Sk") or before == "\ufe0f"
    return arabic or picture or unicodedata.combining(before) == _VIRAMA


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def counted(number: int, noun: str) -> str:
    """`1 picture`, `2 pictures`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def shortened(text: str, columns: int) -> str:
    """A text that takes so many columns at most; `…` stands for its end."""
    if cells(text) <= columns:
        return text
    kept, left = "", columns - 1
    for letter in text:
        left -= cells(letter)
        if left < 0:
            break
        kept += letter
    return f"{kept}…" if columns > 0 else ""


def cells(text: str) -> int:
    """Columns that a text takes on a terminal: two a letter of China, none a combining accent."""
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


def _cells(letter: str) -> int:
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
