"""Columns of the live spectrogram as the page draws them: text, no sound."""

import base64
from pathlib import Path

from edge.records.live_file import live_states

_TICKS_HZ = (1000, 2000, 4000, 8000, 16000)


def columns_after(station: Path, known: int) -> dict[str, object]:
    """The columns that a page lacks, oldest first; empty where nothing listens.

    Args:
        station: the station's folder.
        known: number of the column behind the newest that the page has.
    """
    for state in live_states(station):
        shown = state.spectrogram
        if shown is None or not state.is_current:
            continue
        following = shown.first_column + len(shown.columns)
        first = known if shown.first_column <= known <= following else shown.first_column
        columns = shown.columns[first - shown.first_column :]
        return {
            "first": first,
            "next": following,
            "bands": len(shown.bands_hz),
            "column_s": shown.column_s,
            "ended_ms": shown.ended_ms,
            "ticks": _ticks(shown.bands_hz),
            "columns": base64.b64encode(columns.tobytes()).decode(),
        }
    return {"next": 0, "columns": ""}


def _ticks(bands_hz: tuple[float, ...]) -> list[dict[str, object]]:
    """Pitches beside the picture, each with the band nearest to it."""
    return [
        {"band": min(range(len(bands_hz)), key=lambda n: abs(bands_hz[n] - hz)), "khz": hz // 1000}
        for hz in _TICKS_HZ
        if bands_hz and bands_hz[0] <= hz <= bands_hz[-1]
    ]
