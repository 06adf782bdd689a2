"""`birdlisten why [ID]`: what speaks for a record, or why it was not reported."""

import sys

from edge.command.language import names_of
from edge.command.picture_show import picture_files
from edge.config import Settings
from edge.contract.text import json_line
from edge.records.detection import Detection, Rejection
from edge.records.explanation import explained, listed
from edge.records.reader import open_records
from edge.system.terminal import terminal_columns

_LISTED = 20


def why(part: str | None, settings: Settings) -> int:
    """Explain one record of the station, or list the last ones.

    Raises:
        StoreError: there is no such record.
    """
    files = picture_files(settings)
    with open_records(settings.station_path, names_of(settings)) as records:
        found = [records.find(part)] if part else records.last(_LISTED)
        parts = [_parts(entry) for entry in found]
        reviews = records.verdicts([candidate.id for candidate, _ in parts])
    for (candidate, reason), review in zip(parts, reviews, strict=True):
        if settings.json:
            notes = {"rejected": reason, "review": review and review[0]}
            print(json_line({**candidate.to_dict(files), **notes}))
        elif part:
            print(explained(candidate, reason, review, files))
        else:
            print(listed(candidate, reason, review, terminal_columns(sys.stdout)))
    return 0


def _parts(record: Detection | Rejection) -> tuple[Detection, str | None]:
    return (record.candidate, record.reason) if isinstance(record, Rejection) else (record, None)
