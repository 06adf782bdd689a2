"""A command line whose errors are one line."""

import argparse
from collections.abc import Callable
from typing import Any, NoReturn

from edge.contract.errors import ConfigError
from edge.contract.text import visible
from edge.contract.values import Kind, Number, checked

_MOST = 1_000_000
_COUNT, _FEW = Number(1, 1_000_000_000, whole=True), Number(1, 1024, whole=True)


class Parser(argparse.ArgumentParser):
    """Says what is wrong and where to look, without the whole usage; exit status 2."""

    note: Callable[[], str | None] | None = None
    """Makes the epilog when the help is asked for; it may take long."""

    def format_help(self) -> str:
        """The help, with the epilog."""
        if self.note is not None:
            self.epilog = self.note()
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        """Print one line and exit."""
        self.exit(2, f"{self.prog}: {visible(message)} (see {self.prog} --help)\n")


def read(text: str, kind: Kind) -> Any:
    """Parse what is given to a flag."""
    try:
        return checked("it", text, kind)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error).removeprefix("it: ")) from error


def positive(text: str) -> int:
    """Parse a whole number above zero."""
    return int(read(text, _COUNT))


def positives(text: str) -> list[int]:
    """Parse whole numbers from 1 to 1024, separated by commas."""
    return [int(read(part, _FEW)) for part in text.split(",")]


def positive_number(text: str) -> float:
    """Parse a number above zero, and below a million."""
    return float(read(text, Number(0, _MOST, above=True)))


def seconds(text: str) -> float:
    """Parse a number from zero up to an hour's seconds."""
    return float(read(text, Number(0, 3600)))


def place_s(text: str) -> float:
    """Parse a place in a recording: seconds from zero up, below a million."""
    return float(read(text, Number(0, _MOST)))


def port(text: str) -> int:
    """Parse a port, or 0."""
    return int(read(text, Number(0, 65_535, whole=True)))


def words(text: str) -> tuple[str, ...]:
    """Parse words separated by commas."""
    return tuple(filter(None, map(str.strip, text.split(","))))
