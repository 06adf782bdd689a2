"""Rules of reporting: threshold and caution, for all and for single species."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge.contract.caution import DEFAULT_CAUTION, check_rule
from edge.contract.errors import BundleError, ConfigError
from edge.contract.taxonomy import Taxonomy, read_table
from edge.decision.selection import named


@dataclass(frozen=True)
class Override:
    """Rule for one species instead."""

    caution: int | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        check_rule(self.caution, self.threshold)


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
    try:
        rows = read_table(path, ("name", "caution", "threshold"))
    except (BundleError, OSError) as error:
        raise ConfigError(f"{path}: {error}") from error
    for number, row in enumerate(rows, start=2):
        try:
            rule = Override(
                int(row["caution"]) if row["caution"] else None,
                float(row["threshold"]) if row["threshold"] else None,
            )
            rules |= dict.fromkeys(named(taxonomy, row["name"]), rule)
        except ValueError as error:  # ours, too
            raise ConfigError(f"{path} line {number}: {error}") from error
    return rules
