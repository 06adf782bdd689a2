"""Early stopping on a validation score."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class EarlyStopping:
    """Validation of weights, and early stopping on it."""

    score: Callable[[], float]
    """Higher is better; must not change the training."""
    every: int
    """Steps from one time to the next; the last step is always judged."""
    patience: int = 0
    """A training ends after so many validations without a better one; 0: never."""
    name: str = "validation_mAP"

    def due(self, step: int, steps: int) -> bool:
        """True if it is time."""
        return step % self.every == 0 or step == steps

    def over(self, stale: int) -> bool:
        """True if patience has run out."""
        return 0 < self.patience <= stale
