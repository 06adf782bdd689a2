"""Delivery of records to a receiver: its parts, and the two ways in which it can fail."""

import math
from dataclasses import dataclass
from typing import Protocol, TypeVar

from edge.contract.errors import BirdlistenError
from edge.publish.queue import Queued
from edge.publish.state import State
from edge.records.reader import RecordReader

FOR_EVER = math.inf


class Undelivered(BirdlistenError):
    """Not acknowledged: it is tried again.

    Args:
        message: in words.
        after_s: the receiver wants no other attempt before.
    """

    def __init__(self, message: str, after_s: float = 0.0) -> None:
        super().__init__(message)
        self.after_s = after_s


class Undeliverable(BirdlistenError):
    """Refused: another attempt would end the same, so it is left out."""


@dataclass
class DeliveryTally:
    """Fate of the records of a receiver since the start."""

    delivered: int = 0
    failed: int = 0
    """Left out after a refusal."""
    retried: int = 0


Content = TypeVar("Content")


class Receiver(Protocol[Content]):
    """Somebody whom records are told to; used by one thread."""

    name: str
    """As a file is named."""
    shown: str
    """For people, without secrets."""
    patience_s: float
    """Time after which an attempt is the last."""

    def look(self, records: RecordReader, state: State) -> Content | None:
        """Content that is due by itself, without a record."""

    def prepare(self, records: RecordReader, queued: Queued) -> Content | None:
        """Content that a record is told by; None if it isn't told."""

    def tend(self) -> None:
        """Look after the connection.

        Raises:
            Undelivered: there is none.
        """

    def deliver(self, content: Content, state: State) -> State:
        """Tell it, and wait for the acknowledgement; the state after it.

        Raises:
            Undelivered: it has to be told again.
            Undeliverable: it can't be told.
        """

    def close(self) -> None:
        """Take leave."""
