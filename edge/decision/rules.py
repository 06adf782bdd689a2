"""Rules of reporting: threshold and caution, for all and for single species."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.contract.caution import CAUTION, DEFAULT_CAUTION, THRESHOLD
from edge.contract.errors import ConfigError
from edge.contract.tables import read_table
from edge.contract.taxonomy import Taxonomy
from edge.contract.values import Number, checked
from edge.decision.selection import named


@dataclass(frozen=True)
class Override:
    """Rule for one species instead."""

    caution: int | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.caution is not None:
            checked("caution", self.caution, CAUTION)
        if self.threshold is not None:
            checked("threshold", self.threshold, THRESHOLD)


@dataclass(frozen=True)
class Decision:
    """Decision of a listener: hop, threshold, caution and overrides."""

    hop_samples: int | None = None
    """Distance between windows; None takes the bundle's."""
    threshold: float | None = None
    """Confidence that a species must reach; None takes the bundle's."""
    caution: int = DEFAULT_CAUTION
    overrides: Mapping[str, Override] = field(default_factory=dict)
    """By species id."""


def read_overrides(path: Path, taxonomy: Taxonomy) -> dict[str, Override]:
    """Rules for single species, genera, families or orders; later lines win.

    Args:
        path: CSV with the columns name, caution, threshold; empty cells leave the common rule.
        taxonomy: of the bundle.

    Raises:
        ConfigError: no such table, an unknown name or an impossible value.
    """
    rules: dict[str, Override] = {}
    rows = read_table(path, ("name", "caution", "threshold"), ConfigError)
    for number, row in enumerate(rows, start=2):
        try:
            rule = Override(_cell(row, "caution", CAUTION), _cell(row, "threshold", THRESHOLD))
            rules |= dict.fromkeys(named(taxonomy, row["name"]), rule)
        except ConfigError as error:
            raise ConfigError(f"{path} line {number}: {error}") from error
    return rules


def _cell(row: Mapping[str, str], column: str, kind: Number) -> Any:
    """None of an empty cell."""
    return checked(column, row[column], kind) if row[column].strip() else None
