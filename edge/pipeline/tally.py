"""Tally of the windows that a listener has heard, and of those that it had to skip."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """Tally of a listener so far."""

    windows: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    """Gated windows by reason."""
    clipped: int = 0
    """Lively windows that clip."""
    silence: str | None = None
    """Reason that the newest window was skipped for; None if it was scored."""
    detections: int = 0
    species: set[str] = field(default_factory=set)

    def skip(self, reason: str, windows: int = 1) -> None:
        """Count windows that are not scored."""
        self.skipped[reason] += windows
        self.silence = reason

    def add(self, other: "Tally") -> None:
        """Count what another listener has heard, too."""
        self.windows += other.windows
        self.skipped += other.skipped
        self.clipped += other.clipped
        self.detections += other.detections
        self.species |= other.species

    def __str__(self) -> str:
        reasons = ", ".join(f"{name} {count}" for name, count in sorted(self.skipped.items()))
        skipped = f", skipped {self.skipped.total()} ({reasons})" if self.skipped else ""
        clipped = f", {self.clipped} clipped: lower the gain" if self.clipped else ""
        return (
            f"{self.windows} windows heard{skipped}{clipped}, "
            f"{self.detections} detections of {len(self.species)} species"
        )
