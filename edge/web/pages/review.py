"""The page of review: the most doubtful records one by one, by keyboard, with a way back."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from edge.contract.errors import ConfigError
from edge.records.browsing import reviewed_total, unreviewed
from edge.records.inbox import CONFIRMED, REJECTED, UNREVIEWED, waiting_verdicts
from edge.records.reader import RecordReader
from edge.records.tally import total
from edge.web.pages.record import find_match, missing, sound
from edge.web.pages.rendering import page, root_of
from edge.web.pages.verdicts import told_of
from edge.web.pages.views import MatchView, matches
from edge.web.reviews import leave_review
from edge.web.station import StationView, station_of

_QUEUE = 40
_VERDICTS = {"confirm": CONFIRMED, "reject": REJECTED, "undo": UNREVIEWED}


def show_review(request: Request) -> Response:
    """The most doubtful record that nobody has reviewed."""
    station, query = station_of(request), request.query_params
    skipped = [part for part in query.get("skip", "").split(",") if part][-_QUEUE:]
    with station.records() as reader:
        queue = _queue(station, reader, skipped)
        match = find_match(station, reader, query["at"]) if query.get("at") else None
        match = match or next(iter(queue), None)
        return page(
            request,
            "review",
            title="Review",
            match=match,
            sound=match and sound(station, match.record),
            following=[other for other in queue if other != match][:3],
            left=_left(station, reader),
            told=_told(station, reader, request),
            undo=query.get("done") if query.get("did") in ("confirm", "reject") else None,
            skip=match and ",".join([*skipped, match.record.id]),
            skipped=",".join(skipped),
        )


def take_review(request: Request, form: dict[str, str]) -> Response:
    """Take what a person says of a record; leads back to where it was said.

    Args:
        request: of the form.
        form: `verdict`, and `back`, which is `review` or `record`.

    Raises:
        ConfigError: no such verdict.
    """
    station, said = station_of(request), form.get("verdict", "")
    if said not in _VERDICTS:
        raise ConfigError(f"verdict: {said[:40]!r}, expected one of {', '.join(_VERDICTS)}")
    with station.records() as reader:
        match = find_match(station, reader, request.path_params["id"])
    if match is None:
        return missing(request)
    left = leave_review(station, match.record, _VERDICTS[said])
    done = {"done": match.record.id, "did": said, **({"learnt": "1"} if left["taught"] else {})}
    if left["otherwise"] is not None:
        done["otherwise"] = str(left["otherwise"])
    if form.get("back") == "review":
        at = {"at": match.record.id} if said == "undo" else {}
        skip = {"skip": form["skip"]} if form.get("skip") else {}
        return _to(request, f"review?{urlencode({**at, **skip, **done})}")
    return _to(request, f"records/{match.record.id}?{urlencode(done)}")


def _told(station: StationView, reader: RecordReader, request: Request) -> str:
    done = request.query_params.get("done")
    return told_of(request, find_match(station, reader, done) if done else None)


def _to(request: Request, address: str) -> Response:
    return RedirectResponse(root_of(request) + address, 303)


def _queue(station: StationView, reader: RecordReader, skipped: list[str]) -> list[MatchView]:
    """Without what waits for the writer to be taken up, and what was skipped."""
    said = waiting_verdicts(reader.station).items()
    gone = {*skipped, *(record for record, verdict in said if verdict)}
    found = [record for record in unreviewed(reader, 2 * _QUEUE) if record.id not in gone]
    return matches(station, reader, found[:_QUEUE])


def _left(station: StationView, reader: RecordReader) -> int:
    """Count of the records that nobody has reviewed."""
    return max(total(reader) - reviewed_total(reader), 0)
