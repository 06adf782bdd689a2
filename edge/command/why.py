"""`birdlisten why [ID]`: what speaks for a record, or why it was not reported."""

import sys
from dataclasses import asdict
from pathlib import Path

from edge.command.language import names_of
from edge.command.picture_show import picture_files
from edge.command.why_map import RecordMap
from edge.config import Settings
from edge.contract.errors import ConfigError
from edge.contract.text import json_line, visible
from edge.records.detection import Detection, Rejection
from edge.records.explanation import explained, listed
from edge.records.reader import open_records
from edge.system.terminal import terminal_columns

_LISTED = 20


def why(part: str | None, settings: Settings, map_file: Path | None = None) -> int:
    """Explain one record of the station, or list the last ones.

    Args:
        part: of the record's id; None lists.
        settings: name station and bundle.
        map_file: the pictures of the record are drawn there, each with the places that match.

    Raises:
        StoreError: there is no such record.
        ConfigError: a map of no record.
    """
    files = picture_files(settings)
    drawing = None if map_file is None else _drawing(part, settings, map_file)
    with open_records(settings.station_path, names_of(settings)) as records:
        found = [records.find(part)] if part else records.last(_LISTED)
        parts = [_parts(entry) for entry in found]
        reviews = records.verdicts([candidate.id for candidate, _ in parts])
        places = drawing.draw(parts[0][0], files, records) if drawing else []
    for (candidate, reason), review in zip(parts, reviews, strict=True):
        if settings.json:
            notes = {"rejected": reason, "review": review and review[0]}
            drawn = {"places": [asdict(place) for place in places]} if drawing else {}
            print(json_line({**candidate.to_dict(files), **notes, **drawn}))
        elif part:
            print(explained(candidate, reason, review, files))
        else:
            print(listed(candidate, reason, review, terminal_columns(sys.stdout)))
    for place in places if not settings.json else ():
        print(visible(f"  {place}"))
    return 0


def _drawing(part: str | None, settings: Settings, map_file: Path) -> RecordMap:
    if not part:
        raise ConfigError(f"--map {map_file}: draws one record; give its id")
    return RecordMap(settings, map_file)


def _parts(record: Detection | Rejection) -> tuple[Detection, str | None]:
    return (record.candidate, record.reason) if isinstance(record, Rejection) else (record, None)
