"""The pipeline over blocks of known sound: what its windows, gaps and ends come out as."""

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import pytest

from edge.config import DEMO_BUNDLE
from edge.contract.bundle import load_bundle
from edge.contract.errors import AudioError
from edge.decision.rules import Decision
from edge.pipeline.builder import Origin
from edge.pipeline.listener import Listener
from edge.recognition.recognizer import Recognizer
from edge.records.detection import Detection, Extension, Record, Rejection
from edge.source.block import Block
from edge.source.recording import read_blocks

RATE_HZ = 48_000
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


def listened(
    recognizer: Recognizer, blocks: Iterable[Block]
) -> list[tuple[str, float, float, int]]:
    return said(Listener(recognizer, BOLD).listen(blocks, ORIGIN))


def from_two_s(samples: int) -> Block:
    """Of the cuckoo's song, which begins after 2.2 s."""
    sound = np.concatenate([block.samples for block in chorus(8)])
    return Block(sound[96_000 : 96_000 + samples], RATE_HZ, 0)


@pytest.mark.parametrize("samples", [30_000, 57_600, 119_999, 120_000, 120_001, 135_001, 200_003])
def test_no_record_ends_after_the_source(recognizer: Recognizer, samples: int) -> None:
    found = listened(recognizer, [from_two_s(samples)])
    assert found
    for _, start_s, end_s, _ in found:
        assert 0 <= start_s < end_s <= samples / RATE_HZ


@pytest.mark.parametrize(("more", "hits"), [(0, 1), (1, 1), (480, 1), (14_999, 1), (15_000, 2)])
def test_a_little_more_than_a_window_is_one_hit(
    recognizer: Recognizer, more: int, hits: int
) -> None:
    blocks = [from_two_s(recognizer.bundle.manifest.audio.window_samples + more)]
    (found,) = [each for each in listened(recognizer, blocks) if each[0].startswith("Detection")]
    assert found[-1] == hits


def test_a_run_that_a_gap_cuts_off_is_rejected_not_lost(recognizer: Recognizer) -> None:
    song = from_two_s(120_001)
    quiet = Block(np.zeros(400_000, np.float32), RATE_HZ, 500_000)
    found = listened(recognizer, [song, quiet])
    assert [(kind[:9], hits) for kind, _, _, hits in found] == [("Rejection", 1)] * len(found)
    assert found


@pytest.mark.parametrize("hop_samples", [12_000, 30_000, 55_000, 120_000])
@pytest.mark.parametrize("caution", [0, 2, 5])
def test_records_of_one_bird_never_overlap(
    recognizer: Recognizer, caution: int, hop_samples: int
) -> None:
    decision = Decision(hop_samples, threshold=0.2, caution=caution)
    spans: dict[str, list[tuple[float, float]]] = {}
    lasting: dict[str, tuple[str, int]] = {}
    for record in Listener(recognizer, decision).listen(chorus(60), ORIGIN):
        if isinstance(record, Detection):
            of_species = spans.setdefault(record.species_id, [])
            lasting[record.id] = (record.species_id, len(of_species))
            of_species.append((record.start_s, record.end_s))
        elif isinstance(record, Extension):
            species, place = lasting[record.id]
            assert place == len(spans[species]) - 1
            start_s, end_s = spans[species][place]
            assert record.end_s >= end_s
            spans[species][place] = (start_s, record.end_s)
    assert spans
    for of_species in spans.values():
        rims = [moment for span in of_species for moment in span]
        assert rims == sorted(rims)
        assert all(start_s < end_s for start_s, end_s in of_species)
        assert rims[-1] <= 60


@pytest.mark.parametrize("part", ["score", "refresh", "match"])
@pytest.mark.parametrize("fault", [MemoryError, RuntimeError, ZeroDivisionError, OSError, KeyError])
def test_a_fault_of_a_window_leaves_it_out_of_a_live_source(
    recognizer, monkeypatch, caplog, fault, part
):
    whole, count = getattr(recognizer, part), [0]
    often = 3 if part == "match" else 10

    def sometimes(*arguments):
        count[0] += 1
        if count[0] % often == 0:
            raise fault
        return whole(*arguments)

    monkeypatch.setattr(recognizer, part, sometimes)
    listener = Listener(recognizer, BOLD)
    live = Origin("microphone", "station", live=True)
    assert [record for record in listener.listen(chorus(60), live) if hasattr(record, "clip")]
    assert count[0] >= often
    if part != "match":
        assert listener.tally.skipped["fault"] == count[0] // often
    assert caplog.text.count(fault.__name__) == 1
    count[0] = often - 1
    with pytest.raises(fault):  # of a file: then the file is at fault
        list(Listener(recognizer, BOLD).listen(chorus(60), ORIGIN))
