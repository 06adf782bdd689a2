"""Values that people write: read, checked, and refused in words, by one function.

A kind of value says itself what it expects; `checked` is the only place where a value is refused.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from edge.contract.errors import ConfigError
from edge.contract.text import visible

_NUMBER = re.compile(r"[+-]?(\d{1,99}(\.\d{0,99})?|\.\d{1,99})(e[+-]?\d{1,3})?", re.ASCII | re.I)
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_SHOWN = 80
"""Characters of a value that are shown."""
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


class Unfit(Exception):
    """The value is not of the kind."""


class Kind(Protocol):
    """Kind of value; as text, what is expected in words."""

    def read(self, given: object) -> Any:
        """The value, typed; Unfit if it is none of this kind."""


def checked(name: str, given: object, kind: Kind) -> Any:
    """Read a value that a person has given.

    Args:
        name: of what is set, for the error.
        given: text as written, or a value of Python's already.
        kind: what it may be.

    Raises:
        ConfigError: it is not of the kind.
    """
    try:
        return kind.read(given)
    except Unfit:
        raise ConfigError(f"{name}: {shown(given)}, expected {kind}") from None


@dataclass(frozen=True)
class Number:
    """A finite number in a range, or a whole one."""

    least: float = -math.inf
    most: float = math.inf
    whole: bool = False
    above: bool = False
    """The least is itself too little."""

    def read(self, given: object) -> int | float:
        """An int if whole, else a float."""
        if isinstance(given, bool) or not isinstance(given, (str, int, float)):
            raise Unfit
        text = given.strip() if isinstance(given, str) else repr(given)
        if not (_WHOLE if self.whole else _NUMBER).fullmatch(text):
            raise Unfit
        number = int(text) if self.whole else float(text)
        enough = number > self.least if self.above else number >= self.least
        if not (enough and number <= self.most and math.isfinite(number)):
            raise Unfit
        return number

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        if math.isfinite(self.least) and math.isfinite(self.most) and not self.above:
            return f"{kind} from {self.least:g} to {self.most:.16g}"
        low = f" above {self.least:g}" if self.above else f" from {self.least:g} up"
        high = f", at most {self.most:.16g}" if math.isfinite(self.most) else ""
        return kind + (low if math.isfinite(self.least) else "") + high


@dataclass(frozen=True)
class Choice:
    """One of some words."""

    words: Sequence[str]

    def read(self, given: object) -> str:
        """The word."""
        if not isinstance(given, str) or given not in self.words:
            raise Unfit
        return given

    def __str__(self) -> str:
        return f"one of {', '.join(self.words)}"


@dataclass(frozen=True)
class ChoiceOrNumber:
    """One of some words, or a whole number from 1 up."""

    words: Sequence[str]

    def read(self, given: object) -> str:
        """The word, or the number's digits."""
        if given in self.words:
            return str(given)
        return str(Number(1, 1024, whole=True).read(given))

    def __str__(self) -> str:
        return f"{', '.join(self.words)}, or a whole number from 1 up"


@dataclass(frozen=True)
class Switch:
    """Yes or no."""

    def read(self, given: object) -> bool:
        """True or False."""
        text = str(given).lower()
        if text not in _TRUE + _FALSE:
            raise Unfit
        return text in _TRUE

    def __str__(self) -> str:
        return "yes or no"


@dataclass(frozen=True)
class Text:
    """A name or a path; a list of names, too, if these may be several."""

    several: bool = False
    meaning: str = "one text"

    def read(self, given: object) -> str:
        """The text; a list's names with commas between them."""
        if self.several and isinstance(given, list) and given:
            return ", ".join(Text().read(name) for name in given)
        if isinstance(given, bool) or not isinstance(given, (str, int, float)):
            raise Unfit
        text = str(given)
        if not text.strip() or "\0" in text:
            raise Unfit
        return text

    def __str__(self) -> str:
        return "a text, or a list of names" if self.several else self.meaning


def shown(given: object) -> str:
    """The value as it was written; of what could be endless, only its kind."""
    kinds = {list: "a list", tuple: "a list", dict: "a table", type(None): "nothing"}
    if type(given) in kinds:
        return kinds[type(given)]
    text = str(given).strip()
    if _NUMBER.fullmatch(text):
        return text
    return "'" + visible(text[:_SHOWN]) + ("...'" if len(text) > _SHOWN else "'")
