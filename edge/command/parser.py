"""A command line whose errors are one line."""

import argparse
import math
from typing import NoReturn

from edge.contract.text import visible


class Parser(argparse.ArgumentParser):
    """Says what is wrong and where to look, without the whole usage; exit status 2."""

    def error(self, message: str) -> NoReturn:
        """Print one line and exit."""
        self.exit(2, f"{self.prog}: {visible(message)} (see {self.prog} --help)\n")


def positive(text: str) -> int:
    """Parse a whole number above zero."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return int(text)


def positives(text: str) -> list[int]:
    """Parse whole numbers above zero, separated by commas."""
    return [positive(part.strip()) for part in text.split(",")]


def positive_number(text: str) -> float:
    """Parse a finite number above zero."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 < found < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return found
