"""`birdlisten why [ID]`: what speaks for a record, or why it was not reported."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict

from edge.config import Settings
from edge.contract.errors import StoreError
from edge.detection import Detection, Picture, Rejection
from edge.store import FILE_NAME, Store

_LISTED = 20
_SHOWN = 12
"""Characters of an id that tell it from others: its end, for it begins with the time."""


def why(part: str | None, settings: Settings) -> int:
    """Explain one record of the station, or list the last ones.

    Raises:
        StoreError: there is no such record.
    """
    if not (settings.station_path / FILE_NAME).is_file():
        raise StoreError(f"{settings.station_path}: no records here; name a station: --station")
    with closing(Store(settings.station_path)) as store:
        found = [store.find(part)] if part else store.last(_LISTED)
    for one in found:
        candidate, reason = _parts(one)
        if settings.json:
            print(json.dumps({**asdict(candidate), "rejected": reason}, ensure_ascii=False))
        else:
            print(_explained(candidate, reason) if part else _listed(candidate, reason))
    return 0


def _parts(record: Detection | Rejection) -> tuple[Detection, str | None]:
    return (record.candidate, record.reason) if isinstance(record, Rejection) else (record, None)


def _listed(one: Detection, reason: str | None) -> str:
    moment = one.detected_at or f"{one.start_s:9.1f} s"
    return f"{one.id[-_SHOWN:]}  {moment}  {one.common_name}  {reason or 'reported'}"


def _explained(one: Detection, reason: str | None) -> str:
    return "\n".join(_lines(one, reason))


def _lines(one: Detection, reason: str | None) -> Iterator[str]:
    told = "reported" if reason is None else f"not reported: {reason}"
    yield f"{one.common_name} ({one.scientific_name}), {told}"
    yield f"  {one.source}, {one.start_s:g} to {one.end_s:g} s, {one.detected_at or 'undated'}"
    yield f"  hits {one.hits} of {one.hits_needed} needed, {one.precision} on {one.provider}"
    yield f"  similarity {one.similarity:.3f}, score {one.score:.2f}, {_sure(one.probability)}"
    yield from map(_picture, one.pictures)
    yield "  the best species of the best window:"
    for rival in one.top:
        yield f"  {rival.score:8.2f}  {_sure(rival.probability)}  {rival.common_name}"


def _picture(one: Picture) -> str:
    shown = one.file or one.url or "(no picture)"
    return f"  {one.similarity:.3f}  {shown}  ({one.author}, {one.licence})"


def _sure(probability: float | None) -> str:
    return "not calibrated" if probability is None else f"probability {probability:.2f}"
