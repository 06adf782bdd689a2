"""Progress of long work: a bar on a terminal, a line a minute in a log."""

import logging
import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

_LOG = logging.getLogger(__name__)
_LINE = "{desc}: {n_fmt} of {total_fmt}, {elapsed} gone, {remaining} left, {rate_fmt}{postfix}"
_LOGGED_S = 60.0


class _LogStream:
    """Stream of a bar, each writing of which is a line of the log."""

    def write(self, text: str) -> None:
        """Log what there is to say."""
        if line := text.strip():
            _LOG.info("%s", line)

    def flush(self) -> None:
        """Nothing is held back."""


def progress(
    things: Iterable[Any], title: str, total: int, initial: int = 0, shown: bool = True
) -> "tqdm[Any]":
    """Things, while it is shown how far they are.

    Args:
        things: in turn.
        title: of the work.
        total: how many there are.
        initial: how many were done before.
        shown: False shows nothing, as on all ranks but the first.
    """
    if sys.stderr.isatty() or not shown:
        return tqdm(things, title, total, initial=initial, disable=not shown)
    return tqdm(
        things,
        title,
        total,
        file=_LogStream(),
        initial=initial,
        miniters=1,
        mininterval=_LOGGED_S,
        delay=_LOGGED_S,
        bar_format=_LINE,
    )
