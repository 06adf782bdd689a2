"""`birdlisten learn-background`: what this site sounds like when no bird sings."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from edge.command.opening import open_listener, open_overlay, open_recognizer
from edge.config import Settings
from edge.contract.errors import AudioError
from edge.recognition.background import thinned
from edge.source.block import Block
from edge.source.live import Live, is_live
from edge.source.recording import read_blocks
from edge.system import clock
from edge.system.terminal import say


def learn_background(settings: Settings, minutes: float) -> int:
    """Listen for some minutes, and add what was heard to the station's background.

    Windows in which a species passes are left out: background is what no bird is in.

    Raises:
        AudioError: there was nothing to learn from.
        BirdlistenError: source or bundle can't be used.
    """
    recognizer = open_recognizer(settings, live=True)
    listener = open_listener(settings, recognizer)
    with _source(settings, recognizer.bundle.manifest.audio.sample_rate_hz) as (blocks, name):
        embeddings = [
            scores.embedding for scores in listener.background_windows(_first(blocks, minutes * 60))
        ]
    if not embeddings:
        raise AudioError(f"{name}: {listener.tally}; no background among them, nothing learned")
    kept = thinned(np.stack(embeddings)).astype(np.float16)
    label = f"site-{clock.iso_utc(clock.now_ms()).replace(':', '')}"
    open_overlay(settings, recognizer.bundle.manifest).add_background(label, kept)
    say(f"{label}: {len(kept)} windows of {name} are background here from now on")
    return 0


@contextmanager
def _source(settings: Settings, rate_hz: int) -> Iterator[tuple[Iterator[Block], str]]:
    """Blocks and name of the source, which is closed in the end."""
    if settings.input is None or is_live(settings.input):
        with closing(Live(settings, rate_hz, threading.Event())) as live:
            yield live.blocks(), live.name
    else:
        yield read_blocks(Path(settings.input)), settings.input


def _first(blocks: Iterator[Block], seconds: float) -> Iterator[Block]:
    for block in blocks:
        yield block
        if block.end_sample >= seconds * block.rate_hz:
            return
