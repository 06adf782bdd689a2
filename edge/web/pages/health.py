"""Health of the listener in one line: whether it hears, how loud, what was lost, the clock."""

from dataclasses import dataclass

from edge.contract.text import visible
from edge.records.live_file import live_states
from edge.records.live_state import LiveState
from edge.system import clock
from edge.web.station import StationView

_LATE_HOPS = 3
_LOW_BYTES = 500_000_000


@dataclass(frozen=True)
class HealthLine:
    """State of one source, in words."""

    mood: str
    """`good`, `warn`, `bad` or `off`."""
    told: str
    """The state itself."""
    facts: tuple[str, ...] = ()
    source: str = ""


def health_lines(station: StationView) -> list[HealthLine]:
    """A line for each source of the listener; one that says so, where nobody listens."""
    states = live_states(station.path)
    return [_line(state) for state in states] or [HealthLine("off", "No listener runs here")]


def _line(state: LiveState) -> HealthLine:
    facts = [*_sound(state), *_trouble(state)]
    if not state.is_current:
        told = f"The listener stopped {ago(clock.now_ms() - state.written_ms)}"
        return HealthLine("bad", told, (), visible(state.source))
    if state.doing != "listening":
        mood = "off" if state.doing == "resting" else "bad"
        told = "Resting, as planned" if mood == "off" else "Waiting for sound"
        return HealthLine(mood, told, tuple(facts), visible(state.source))
    mood = "warn" if _trouble(state) else "good"
    told = "Listening"
    if state.window_ms is not None:
        since_ms = clock.now_ms() - state.window_ms
        told = f"Listening, last window {ago(since_ms)}"
        if since_ms > 1000 * (_LATE_HOPS * state.hop_s + state.every_s):
            mood = "bad"
    return HealthLine(mood, told, tuple(facts), visible(state.source))


def _sound(state: LiveState) -> list[str]:
    level = state.level_dbfs
    return [] if level is None else [f"level {level:.0f} dBFS".replace("-", "\u2212")]


def _trouble(state: LiveState) -> list[str]:
    """Facts that a person should look after."""
    told = []
    if state.dropped_s:
        told.append(f"{state.dropped_s:.0f} s lost")
    if state.disk_free is not None and state.disk_free < _LOW_BYTES:
        told.append(f"{state.disk_free / 1e6:.0f} MB free")
    if not state.clock_synchronised:
        told.append("clock not synchronised")
    return told


def ago(span_ms: float) -> str:
    """`3 s ago`, `2 h ago`."""
    seconds = max(span_ms / 1000, 0)
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
