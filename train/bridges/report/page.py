"""The report as a page that a person reads; the words are in page.md and verdict.md."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from train.bridges.report.figures import CLIPS, RECORDINGS, TASKS
from train.measure.figures import Row
from train.measure.metrics import Interval

_PAGE, _VERDICT = (Path(__file__).with_name(name) for name in ("page.md", "verdict.md"))
_METRICS = ("R@1", "mAP")
_NONE = "Not measured here.\n"
_BIRDS = """## Real birds

The archive's recordings with its photographs of the same species, one fold of five by recordist: it
is small, and says so by its intervals.
"""


def to_markdown(report: Mapping[str, Any]) -> str:
    """The whole page."""
    costs = report["costs"]
    return Template(_PAGE.read_text(encoding="utf-8")).substitute(
        world=report["world"],
        machine=report["machine"],
        date=report["date"],
        command=report["command"],
        minutes=f"{sum(cost['seconds'] for cost in costs) / 60:.0f}",
        held_out=", ".join(report["held_out"]).replace("_", " ") or "none",
        data=report["data"],
        test_clips=report["test_clips"],
        verdict=_VERDICT.read_text(encoding="utf-8"),
        recordings=_retrieval(report["rows"], RECORDINGS, costs),
        clips=_retrieval(report["rows"], CLIPS, costs),
        costs=_costs(costs),
        differences=_differences(report["differences"]),
        curve=_curve(report["curve"]),
        localisation=_localisation(report["localisation"]),
        birds=_birds(report["birds"]),
    )


def _retrieval(rows: Sequence[Row], about: str, costs: Sequence[Row]) -> str:
    """A table a metric and group of species: runs down, tasks across."""
    own = [row for row in rows if row["about"] == about]
    groups = [name for name in ("seen", "unseen") if any(row["species"] == name for row in own)]
    told = {cost["run"]: cost for cost in costs}
    parts = [
        f"{metric}, {group} species:\n\n" + _table(own, metric=metric, group=group, told=told)
        for group in groups
        for metric in _METRICS
    ]
    return "\n".join(parts) or _NONE


def _table(rows: Sequence[Row], metric: str, group: str, told: Mapping[str, Row]) -> str:
    found = {(row["method"], row["task"]): row for row in rows if row["species"] == group}
    runs = dict.fromkeys(method for method, _ in found)
    lines = [_line("bridge", "learned from", "pairs", *TASKS), _rule(3 + len(TASKS))]
    for run in runs:
        figures = [_interval(found[run, task][metric]) for task in TASKS]
        cost = told[run]
        lines.append(_line(run, cost["learned_from"], "yes" if cost["pairs"] else "", *figures))
    queries = [str(found[next(iter(runs)), task]["queries"]) for task in TASKS]
    if metric == "R@1":
        chances = [f"{found[next(iter(runs)), task]['chance']:.3f}" for task in TASKS]
        lines.append(_line("chance", "", "", *chances))
    return "\n".join((*lines, _line("queries", "", "", *queries), ""))


def _costs(costs: Iterable[Row]) -> str:
    names = ("run", "learned_from", "seconds", "steps", "windows", "clips")
    head = ("bridge", "learned from", "seconds of processor", "steps", "windows heard", "clips")
    lines = [_line(*head), _rule(len(head))]
    lines += [_line(*(str(cost[name]) for name in names)) for cost in costs]
    return "\n".join((*lines, ""))


def _differences(rows: Sequence[Row]) -> str:
    head = ("bridge", "less", "asked about", "task", "species", "metric", "difference")
    names = ("first", "other", "asked", "task", "group", "metric")
    lines = [_line(*head), _rule(len(head))]
    lines += [_line(*(row[name] for name in names), _signed(row["difference"])) for row in rows]
    return "\n".join((*lines, "")) if rows else _NONE


def _curve(points: Sequence[Mapping[str, Any]]) -> str:
    if not points:
        return _NONE
    lines = [_line("pairs", "species", "queries", "R@1 among names", "chance"), _rule(5)]
    lines += [
        _line(
            str(point["pairs"]),
            point["species"],
            str(point["queries"]),
            _interval(point["R@1"]),
            f"{point['chance']:.3f}",
        )
        for point in points
    ]
    return "\n".join((*lines, "", "![R@1 over pairs](bridges-curve.png)", ""))


def _localisation(tables: Mapping[str, Mapping[str, Any]]) -> str:
    if not tables:
        return _NONE
    head = ("run", "cIoU@0.5", "AUC", "mean cIoU", "of the oracle's", "AP", "max F1", "moments")
    lines = [_line(*head), _rule(len(head)), *_judged(tables)]
    first = next(iter(tables.values()))
    for bound in ("oracle", "disc"):
        figures = first["median"]["union"][bound]
        lines.append(_line(bound, *_median(figures), "", "", "", ""))
    return "\n".join((*lines, "", *_negative(tables), "", *_gains(tables)))


def _judged(tables: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, table in tables.items():
        median, fixed = table["median"]["union"], table["fixed"]
        yield _line(
            name,
            *_median(median["model"]),
            f"{median['share_of_oracle']:.3f}",
            f"{fixed['AP']:.3f}",
            f"{fixed['max_F1']:.3f}",
            str(table["moments"]["seen"]),
        )


def _median(figures: Mapping[str, float]) -> list[str]:
    return [f"{figures[name]:.3f}" for name in ("at_half", "auc", "mean")]


def _negative(tables: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield "Sounds that nothing in the frame makes: pIA, the share of the map above the threshold."
    yield ""
    yield _line("run", "threshold", "sound", "pIA", "AUC of pIA", "F")
    yield _rule(6)
    for name, table in tables.items():
        for threshold, kinds in table["negative"].items():
            for kind, figures in kinds.items():
                values = [f"{figures[key]:.3f}" for key in ("pIA", "AUC_pIA", "F")]
                yield _line(name, threshold, kind, *values)


def _gains(tables: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, table in tables.items():
        for metric, gain in table.get("gain", {}).items():
            yield f"- {name}, {metric}: {_signed(gain)} over {table['against']['run']}."
    yield "\n![Maps](bridges-maps.png)\n"


def _birds(found: Mapping[str, Any]) -> str:
    """Section of real birds, if they were asked."""
    if not found:
        return ""
    tables = (_retrieval(found["rows"], RECORDINGS, found["costs"]), _costs(found["costs"]))
    return "\n".join((_BIRDS, found["told"], "", *tables))


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(columns: int) -> str:
    return "|---" * columns + "|"


def _interval(figure: Mapping[str, float]) -> str:
    return str(Interval(**figure))


def _signed(figure: Mapping[str, float]) -> str:
    return f"{figure['mean']:+.3f} [{figure['low']:+.3f}, {figure['high']:+.3f}]"
