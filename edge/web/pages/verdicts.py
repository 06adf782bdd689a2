"""Words for what a person's verdict did."""

from starlette.requests import Request

from edge.web.pages.views import MatchView

_MOST_DIGITS = 6
_DID = {
    "confirm": "confirmed",
    "reject": "rejected",
    "undo": "open again, as if nobody had said anything",
}
_LEARNT = {
    "confirm": "; its sound is an example of the species from now on",
    "reject": "; what sounds like it is not reported from now on",
    "undo": "; what was learnt from it is forgotten",
}


def told_of(request: Request, match: MatchView | None) -> str:
    """The effect of a review; empty without one."""
    did = request.query_params.get("did", "")
    if did not in _DID or match is None:
        return ""
    learnt = _LEARNT[did] if request.query_params.get("learnt") else ""
    said = f"{match.name.common}, {match.clock}: {_DID[did]}{learnt}."
    otherwise = request.query_params.get("otherwise", "")
    if not learnt or not otherwise.isdecimal() or len(otherwise) > _MOST_DIGITS:
        return said
    return f"{said} Of the last 7 days {int(otherwise)} would now be decided otherwise."
