"""The pipeline over blocks of known sound: what its windows, gaps and ends come out as."""

from collections.abc import Iterable, Iterator
from itertools import islice

import pytest

from edge.config import DEMO_BUNDLE
from edge.contract.bundle import load_bundle
from edge.contract.errors import AudioError
from edge.decision.rules import Decision
from edge.pipeline.builder import Origin
from edge.pipeline.listener import Listener
from edge.recognition.recognizer import Recognizer
from edge.records.detection import Detection, Record, Rejection
from edge.source.block import Block
from edge.source.recording import read_blocks

ORIGIN = Origin("test", "test", live=False)
BOLD = Decision(threshold=0.3)


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer(load_bundle(DEMO_BUNDLE))


def chorus(seconds: int) -> list[Block]:
    """The aviary's chorus, whose cuckoo sings from 2.2 s to 4.2 s, as blocks of a second."""
    return list(islice(read_blocks(DEMO_BUNDLE / "chorus.flac"), seconds))


def failing(blocks: Iterable[Block], fault: BaseException) -> Iterator[Block]:
    yield from blocks
    raise fault


def said(records: Iterable[object]) -> list[tuple[str, float, float, int]]:
    """Kind, start, end and hits of detections and rejections."""
    found = []
    for record in records:
        if isinstance(record, Detection | Rejection):
            shown = record.candidate if isinstance(record, Rejection) else record
            kind = type(record).__name__ + shown.species_id
            found.append((kind, shown.start_s, shown.end_s, shown.hits))
    return found


@pytest.mark.parametrize("seconds", [1, 2, 3, 4, 5, 16])
@pytest.mark.parametrize("fault", [AudioError("cut off"), ValueError("x"), OSError(5, "unplugged")])
def test_a_source_that_fails_is_worked_off_to_its_end_before(
    recognizer: Recognizer, seconds: int, fault: Exception
) -> None:
    whole = said(Listener(recognizer, BOLD).listen(chorus(seconds), ORIGIN))
    heard: list[Record] = []

    def hear() -> None:
        for record in Listener(recognizer, BOLD).listen(failing(chorus(seconds), fault), ORIGIN):
            heard.append(record)

    with pytest.raises(type(fault)):
        hear()
    assert said(heard) == whole
    assert whole or seconds < 4


def test_ctrl_c_in_a_source_ends_it_at_once(recognizer: Recognizer) -> None:
    blocks = failing(chorus(4), KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        list(Listener(recognizer).listen(blocks, ORIGIN))
