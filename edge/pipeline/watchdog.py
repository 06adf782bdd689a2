"""Watchdog: whoever asks for the next block is done with the one before, and so alive."""

from collections.abc import Callable, Iterable, Iterator

from edge.source.block import Block


def watched(blocks: Iterable[Block], alive: Callable[[], None]) -> Iterator[Block]:
    """The blocks; `alive` is called for each that holds sound, or rests by plan."""
    for block in blocks:
        if len(block.samples) or block.resting:
            alive()
        yield block
