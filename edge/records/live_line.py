"""Line of a live state for a terminal: level, what is heard or why nothing is, and counters."""

from collections.abc import Iterator

from edge.contract.text import counted
from edge.records.live_state import LiveState

_SILENCES = {
    "silence": "quiet",
    "dc": "no signal, only an offset",
    "flat_line": "no signal",
    "clipped": "too loud: lower the gain",
    "noise": "too noisy",
    "rejected before": "like what was rejected here",
    "fault": "a fault, see the log",
}
_DOING = {"resting": "resting", "waiting": "waiting for sound"}


def live_line(state: LiveState) -> str:
    """`-41 dB  unsure: European Robin 0.41  4 records, 2 species  120 windows, 23 skipped`."""
    return "  ".join(_parts(state))


def _parts(state: LiveState) -> Iterator[str]:
    """Parts of the line, the weightiest first: a narrow terminal cuts the end."""
    if state.level_dbfs is not None:
        yield f"{state.level_dbfs:.0f} dB"
    yield _present(state)
    yield f"{counted(state.detections, 'record')}, {state.species} species"
    skipped = sum(state.skipped.values())
    yield counted(state.windows, "window") + (f", {skipped} skipped" if skipped else "")
    if state.dropped_s:
        yield f"{state.dropped_s:.0f} s lost"
    if state.gaps:
        yield counted(state.gaps, "gap")


def _present(state: LiveState) -> str:
    if state.doing in _DOING:
        return _DOING[state.doing]
    if state.heard:
        best = max(state.heard, key=lambda species: (not species.confirmed, species.confidence))
        hits = "" if best.confirmed else f" ({best.hits} of {best.hits_needed})"
        return f"{best.common_name} {best.confidence:.2f}{hits}"
    if state.silence is not None:
        return _SILENCES.get(state.silence, state.silence)
    if state.best is not None:
        return f"unsure: {state.best.common_name} {state.best.confidence:.2f}"
    return "listening"
