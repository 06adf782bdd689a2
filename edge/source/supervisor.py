"""A live source that never gives up: its process is watched, killed and started again for ever."""

import logging
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Protocol

from edge.contract.errors import BirdlistenError
from edge.source.block import Block
from edge.source.fault import SourceAbsent, SourceFault
from edge.source.schedule import ALWAYS, Schedule
from edge.system.throttle import RateLimitedLog, reason

_LOG = logging.getLogger(__name__)
_REST_S = 0.25
"""Between two signs of life while it rests: more often than any watchdog asks for."""


@dataclass(frozen=True)
class Patience:
    """Patience of the parent with a source."""

    first_block_s: float = 8.0
    """A source may take this long to deliver its first block."""
    silence_s: float = 3.0
    """Time without a block after which its process is taken for dead."""
    flat_s: float = 20.0
    """A line that does not move at all for this long is a fault: even a muted sound card hisses."""
    backoff_s: float = 0.25
    """Wait before the first restart; doubles up to `backoff_max_s`."""
    backoff_max_s: float = 2.0
    healthy_s: float = 60.0
    """Running this long resets the wait."""
    stopped: threading.Event = field(default_factory=threading.Event)
    """Set when nobody listens any more: a source that waits for sound ends at once."""


class Capture(Protocol):
    """A kind of live source."""

    name: str
    """For people, and in records."""

    def blocks(self, patience: Patience) -> Generator[Block]:
        """Start a process and yield what it delivers, counted from its start.

        Returns when the source has an end of its own, as a file on a web server has.

        Raises:
            SourceFault: nothing comes any more, or nonsense.
            SourceAbsent: the source isn't there.
            BirdlistenError: it can't be used, and no fresh process will do better.
        """
        ...

    def absent(self, error: SourceAbsent) -> BirdlistenError:
        """Advice for a person who named a source that isn't there."""
        ...


class Supervisor:
    """Runs a source for ever.

    Args:
        capture: the source.
        wait: wait for one that isn't there at the start.
        patience: with its faults.
        schedule: when it rests.
        stopped: set to end.
    """

    def __init__(
        self,
        capture: Capture,
        wait: bool = False,
        patience: Patience | None = None,
        schedule: Schedule = ALWAYS,
        stopped: threading.Event | None = None,
    ) -> None:
        self._capture, self._wait = capture, wait
        self._stopped = stopped or threading.Event()
        self._patience = replace(patience or Patience(), stopped=self._stopped)
        self._schedule = schedule
        self._started = time.monotonic()
        self._backoff_s = self._patience.backoff_s
        self._end: Block | None = None
        """The last one."""
        self._complaint = RateLimitedLog(_LOG)

    def blocks(self) -> Iterator[Block]:
        """Blocks for ever; after a fault comes one without samples, then `first_sample` jumps.

        Raises:
            BirdlistenError: the source can't be used, or isn't there at the start and `wait` is
                off. Once it has delivered it is retried for ever, after a fault of any kind.
        """
        while not self._stopped.is_set():
            begun, fault = time.monotonic(), None
            try:
                yield from self._rests()
                yield from self._life()
                if self._schedule.awake():
                    return
            except Exception as error:
                fault = error
            if fault:
                self._hold(fault)
            yield from self._broken_off()
            if fault:
                self._back_off(time.monotonic() - begun)

    def _hold(self, fault: Exception) -> None:
        """Tell a fault of the source, whatever its kind: a fresh process may do better.

        Raises:
            BirdlistenError: the source can't be used, or isn't there at the start.
        """
        if self._stopped.is_set():
            return  # an end looks like a fault
        if self._end is None and isinstance(fault, SourceAbsent) and not self._wait:
            raise self._capture.absent(fault) from fault
        if self._end is None and isinstance(fault, BirdlistenError):
            raise fault
        self._complaint(f"{self._told(fault)}; trying again")

    def _told(self, fault: Exception) -> str:
        if isinstance(fault, (SourceAbsent, BirdlistenError)):
            return str(fault)
        known = isinstance(fault, SourceFault)
        return f"{self._capture.name}: {fault if known else reason(fault)}"

    def _life(self) -> Iterator[Block]:
        """One process, from its start to its fault, or to the time of rest."""
        if self._stopped.is_set():
            return  # in the hours of rest: nothing is opened any more
        offset_s = time.monotonic() - self._started
        flat_s, base = 0.0, None
        with closing(self._capture.blocks(self._patience)) as blocks:
            for block in blocks:
                base = self._base(block, offset_s) if base is None else base
                self._end = block.moved(base)
                yield self._end
                flat_s = flat_s + block.length_s if _flat(block) else 0.0
                self._check_flat(flat_s)
                if not self._schedule.awake():
                    return

    def _base(self, block: Block, offset_s: float) -> int:
        """First sample of a process; time never goes back.

        The clock of a sound card that runs fast may be ahead of ours.
        """
        _LOG.info("listening to %s at %d Hz", self._capture.name, block.rate_hz)
        before_s = self._end.end_sample / self._end.rate_hz if self._end else 0.0
        return int(max(offset_s, before_s) * block.rate_hz)

    def _check_flat(self, flat_s: float) -> None:
        if flat_s >= self._patience.flat_s:
            raise SourceFault(f"the signal has not moved for {flat_s:.0f} s; is it muted?")

    def _broken_off(self) -> Iterator[Block]:
        if self._end is not None:
            yield Block.gap()

    def _back_off(self, lived_s: float) -> None:
        if lived_s > self._patience.healthy_s:
            self._complaint.over()
            self._backoff_s = self._patience.backoff_s
        self._stopped.wait(self._backoff_s)
        self._backoff_s = min(2 * self._backoff_s, self._patience.backoff_max_s)

    def _rests(self) -> Iterator[Block]:
        """Until it is time to listen; a block without samples now and then shows life."""
        if self._schedule.awake():
            return
        _LOG.info("resting: %s", self._schedule)
        while not self._schedule.awake() and not self._stopped.is_set():
            yield Block.gap(resting=True)
            self._stopped.wait(_REST_S)


def _flat(block: Block) -> bool:
    samples = block.samples
    return bool(samples.size) and bool(samples.min() == samples.max())
