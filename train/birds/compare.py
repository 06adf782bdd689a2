"""Tables of the report: means with intervals, and differences of two methods query by query."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from train.measure.metrics import bootstrap
from train.measure.retrieval import Values

Table = dict[str, dict[str, Values]]
"""task -> method -> metric -> one value a query."""
Row = dict[str, Any]


def summary(table: Table) -> list[Row]:
    """A row a task and method: queries, and mean and interval of each metric."""
    return [
        {"task": task, "method": method, **_figures(values)}
        for task, methods in table.items()
        for method, values in methods.items()
    ]


def paired(first: Sequence[float], other: Sequence[float]) -> dict[str, float]:
    """Mean difference of two methods over the same queries, with its interval."""
    difference = np.array(first) - np.array(other)
    return vars(bootstrap(difference[np.isfinite(difference)]))


def differences(
    table: Table, method: str, others: Sequence[str], tasks: Sequence[str], metric: str
) -> list[Row]:
    """Gain of a method over each other one, paired by query."""
    return [
        {
            "task": task,
            "method": method,
            "other": other,
            "metric": metric,
            **paired(table[task][method][metric], table[task][other][metric]),
        }
        for task in tasks
        for other in others
        if other in table[task]
    ]


def _figures(values: Values) -> Row:
    kept = {name: np.array(sample)[np.isfinite(sample)] for name, sample in values.items()}
    figures = {name: vars(bootstrap(sample)) for name, sample in kept.items()}
    return {"queries": len(next(iter(kept.values()))), **figures}
