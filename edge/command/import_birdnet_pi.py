"""`birdlisten import birdnet-pi DB`: the records of a BirdNET-Pi go on in this station."""

import socket
from contextlib import closing
from itertools import islice
from pathlib import Path

from edge.config import Settings
from edge.contract.text import counted
from edge.records.birdnet_pi import count_birdnet_pi, read_birdnet_pi
from edge.records.lock import StationLock
from edge.records.query import total_records
from edge.records.reader import told
from edge.records.store import Store
from edge.system.progress import ProgressBar
from edge.system.terminal import say
from edge.system.zone import local_zone, named_zone, zone_name

_AT_ONCE = 500
"""Records of a commit."""


def import_birdnet_pi(settings: Settings, path: Path) -> int:
    """Keep what a BirdNET-Pi has reported; what is there already stays as it is.

    Raises:
        StoreError: the file can't be read, or a listener is writing the station.
        ConfigError: it is no BirdNET-Pi's, or the time zone is unknown.
    """
    name = settings.time_zone or zone_name()
    zone = local_zone() if settings.time_zone is None else named_zone(name)
    total = count_birdnet_pi(path)
    found = read_birdnet_pi(path, zone, zone_name=name, station=socket.gethostname())
    station = settings.station_path
    with told(station):
        station.mkdir(parents=True, exist_ok=True)
    with (
        StationLock(station),
        closing(Store(station)) as store,
        ProgressBar(total, shown=not settings.quiet) as bar,
    ):
        before, read = total_records(store), 0
        while batch := list(islice(found, _AT_ONCE)):
            store.write_all(batch)
            read += len(batch)
            bar.advance(len(batch), counted(read, "record"))
        new = total_records(store) - before
    say(f"{counted(read, 'record')} in {path}, {new} of them new here")
    return 0
