"""`birdlisten learn-background`: what this site sounds like when no bird sings."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from edge.command.opening import open_bundle, open_listener, open_overlay, open_recognizer
from edge.config import Settings
from edge.contract.arrays import Float16s
from edge.contract.errors import AudioError, StoreError
from edge.contract.text import counted
from edge.recognition.background import thinned
from edge.recognition.recognizer import WindowScores
from edge.source.block import Block
from edge.source.live import Live, is_live
from edge.source.recording import read_blocks
from edge.system import clock
from edge.system.terminal import say


def learn_background(settings: Settings, minutes: float) -> int:
    """Listen for some minutes, and add what was heard to the station's background.

    Windows that sound like any bird which the bundle knows are left out: background is what no bird
    is in, and who sings while it is learnt would be taken for it for good.

    Raises:
        AudioError: there was nothing to learn from.
        BirdlistenError: source or bundle can't be used.
    """
    recognizer = open_recognizer(settings, live=True)
    listener, manifest = open_listener(settings, recognizer), recognizer.bundle.manifest
    overlay = open_overlay(settings, manifest)
    with _source(settings, manifest.audio.sample_rate_hz) as (blocks, name):
        kept, left = _without_birds(listener.heard_windows(_first(blocks, minutes * 60)))
    if not kept:
        birds = f"; {counted(left, 'window')} sounded like a bird" if left else ""
        raise AudioError(f"{name}: {listener.tally}{birds}; nothing learned")
    rows = thinned(np.stack(kept))
    label = f"site-{clock.iso_utc(clock.now_ms()).replace(':', '')}"
    before = recognizer.recall(overlay.load())
    overlay.add_background(label, rows)
    say(f"{label}: {counted(len(rows), 'window')} of {name} are background here from now on")
    if left:
        say(f"{counted(left, 'window')} left out that sounded like a bird")
    if before is not None:
        say(f"names that are still told: {recognizer.recall(overlay.load())}, before {before}")
    return 0


def take_back_background(settings: Settings) -> int:
    """Forget what was learnt of this site last; again, what was before.

    Raises:
        StoreError: nothing was.
    """
    overlay = open_overlay(settings, open_bundle(settings).manifest)
    files = overlay.backgrounds()
    if not files:
        raise StoreError(f"{settings.station_path}: no background was learnt here")
    overlay.forget(files[-1].stem)
    say(f"{files[-1].stem}: taken back")
    return 0


@contextmanager
def _source(settings: Settings, rate_hz: int) -> Iterator[tuple[Iterator[Block], str]]:
    """Blocks and name of the source, which is closed in the end."""
    if settings.input is None or is_live(settings.input):
        with closing(Live(settings, rate_hz, threading.Event())) as live:
            yield live.blocks(), live.name
    else:
        yield read_blocks(Path(settings.input)), settings.input


def _without_birds(heard: Iterable[WindowScores]) -> tuple[list[Float16s], int]:
    """Embeddings of windows without a bird, and the count of the others.

    Copies: a row of a batch would hold the scores of all species of hours.
    """
    kept, left = list[Float16s](), 0
    for scores in heard:
        if scores.sounds_like_a_bird:
            left += 1
        else:
            kept.append(scores.embedding.astype(np.float16))
    return kept, left


def _first(blocks: Iterator[Block], seconds: float) -> Iterator[Block]:
    for block in blocks:
        yield block
        if block.end_sample >= seconds * block.rate_hz:
            return
