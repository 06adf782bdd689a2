"""A web server in a thread, over a station that a test fills."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge.config import DEMO_BUNDLE
from edge.records.detection import Detection
from edge.web.app import create_app
from edge.web.config import WebConfig
from edge.web.server import address_of, listen_at, server_of
from tests.support.factories import detection

SPECIES = {
    "cuculus_canorus": ("Cuculus canorus", "Common Cuckoo"),
    "strix_aluco": ("Strix aluco", "Tawny Owl"),
    "parus_major": ("Parus major", "Great Tit"),
}


@dataclass(frozen=True)
class Served:
    """A running server."""

    url: str
    host: str
    port: int


@contextmanager
def served(station: Path, config: WebConfig | None = None) -> Iterator[Served]:
    """Serve a station at a free port until the block ends."""
    config = config or WebConfig(port=0)
    app = create_app(station, DEMO_BUNDLE, config)
    listening = listen_at(config)
    server = server_of(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        address = address_of(listening).replace("0.0.0.0", "127.0.0.1")
        yield Served(f"http://{address}", *listening.getsockname()[:2])
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def heard(number: int, moment: str | None, species: str, **change: object) -> Detection:
    """The record of a number, of one of `SPECIES`, whose id tells its number."""
    scientific, common = SPECIES[species]
    values = {
        "id": f"01990000-{number:04x}-7000-8000-{number:012}",
        "detected_at": moment,
        "species_id": species,
        "scientific_name": scientific,
        "common_name": common,
        "start_s": 0.0,
        "end_s": 3.0,
    }
    return detection(**{**values, **change})
