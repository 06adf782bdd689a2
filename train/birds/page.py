"""The report as a page that a person reads; the words are in page.md."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from typing import Any

from train.birds.compare import Row
from train.measure.metrics import Interval
from train.measure.retrieval import METRICS

_PAGE = Path(__file__).with_name("page.md")
_PROBED, _AFTER = "linear probe, the hint network", "linear probe, after distillation"
_MAIN = ("A->T", "A->I", "A->species", "I->A")


def to_markdown(report: Mapping[str, Any]) -> str:
    """The whole page."""
    rows, seconds = report["rows"], sum(sum(times.values()) for times in report["seconds"].values())

    def ending(*ends: str) -> str:
        embedded = (row for row in rows if row["method"] != "teacher")
        return _figures(row for row in embedded if row["task"].endswith(ends))

    return Template(_PAGE.read_text(encoding="utf-8")).substitute(
        machine=report["machine"],
        date=report["date"],
        folds=len(report["folds"]),
        hours=f"{seconds / 3600:.1f}",
        chosen=report["chosen"],
        baselines_of=report["baselines_of"],
        asked=report["size"]["recordings"],
        sizes=_sizes(report["size"]["rows"]),
        before=_before(report),
        main="\n".join(_figures(row for row in rows if row["task"] == task) for task in _MAIN),
        limits=_limits(report),
        differences=_differences(report["differences"]),
        galleries=ending("(new photographers)", "(570 species)"),
        unseen=ending("(unseen species)"),
        teacher=_figures(row for row in rows if row["method"] == "teacher"),
        probes=_figures(row for row in rows if row["task"].startswith("linear probe")),
        alignment=_figures(
            (row for row in rows if row["task"].startswith("audio-text")), (*METRICS, "margin")
        ),
    )


def _before(report: Mapping[str, Any]) -> str:
    """Comparison of an earlier report on the chosen student with this one."""
    earlier = report["before"]
    if not earlier:
        return ""
    now = {row["task"]: row for row in report["rows"] if row["method"] == report["chosen"]}
    lines = [f"| {report['chosen']} | {earlier['date']} | now |", "|---|---|---|"]
    for row in earlier["rows"]:
        for metric in ("R@1", "mAP"):
            figures = f"{_interval(row[metric])} | {_interval(now[row['task']][metric])}"
            lines.append(f"| {row['task']}, {metric} | {figures} |")
    return "\n".join((*lines, ""))


def _sizes(rows: Iterable[Row]) -> str:
    lines = ["| CNN | M parameters | GFLOP a window | error | less the first's |", "|---" * 5 + "|"]
    for row in rows:
        cost = f"{row['parameters'] / 1e6:.2f} | {row['flops'] / 1e9:.2f}"
        difference = _signed(row["difference"])
        lines.append(f"| {row['cnn']} | {cost} | {_interval(row['error'])} | {difference} |")
    return "\n".join((*lines, ""))


def _limits(report: Mapping[str, Any]) -> str:
    chosen, network = report["chosen"], "hint network + head"
    links = (
        ("a linear classifier on the network's embedding", _PROBED, network),
        ("the network under a head, by name", "A->T", network),
        ("the network under a head, by picture", "A->species", network),
        (f"{chosen}: a linear classifier on its features", _AFTER, chosen),
        (f"{chosen}, by name", "A->T", chosen),
        (f"{chosen}, by picture", "A->species", chosen),
        ("CNN without the hint, by name", "A->T", "CNN"),
    )
    found = {(row["task"], row["method"]): row["R@1"] for row in report["rows"]}
    lines = [
        f"| {name} | {_interval(found[task, method])} |"
        for name, task, method in links
        if (task, method) in found
    ]
    return "\n".join(("| | R@1 |", "|---|---|", *lines, ""))


def _figures(rows: Iterable[Row], metrics: Iterable[str] = METRICS) -> str:
    columns = tuple(metrics)
    lines = [
        f"| task | method | queries | {' | '.join(columns)} |",
        "|---" * (3 + len(columns)) + "|",
    ]
    for row in rows:
        figures = " | ".join(_interval(row[name]) for name in columns)
        lines.append(f"| {row['task']} | {row['method']} | {row['queries']} | {figures} |")
    return "\n".join((*lines, ""))


def _differences(rows: Iterable[Row]) -> str:
    lines = ["| task | metric | method | less | difference |", "|---|---|---|---|---|"]
    for row in rows:
        names = " | ".join(row[name] for name in ("task", "metric", "method", "other"))
        lines.append(f"| {names} | {_signed(row)} |")
    return "\n".join((*lines, ""))


def _signed(figure: Mapping[str, float]) -> str:
    return f"{figure['mean']:+.3f} [{figure['low']:+.3f}, {figure['high']:+.3f}]"


def _interval(figure: Mapping[str, float]) -> str:
    return str(Interval(**figure))
