"""The report as a page that a person reads; the words are in page.md and verdict.md."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from train.bridges.report.figures import CLIPS, EVERY, RECORDINGS, TASKS
from train.measure.figures import Row
from train.measure.metrics import Interval

_PAGE, _VERDICT = (Path(__file__).with_name(name) for name in ("page.md", "verdict.md"))
_METRICS = ("R@1", "mAP")
_BEST = ("AP_oracle", "max_F1_oracle")
_NONE = "Not measured here.\n"
_BIRDS = """## Real birds

The archive's recordings with its photographs of the same species, one fold of five by recordist: it
is small, and says so by its intervals. Photographs that were learned from are those that pivot and
text + image have met, and the teacher, too.
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
    groups = [name for name in dict.fromkeys(row["species"] for row in own) if name != EVERY]
    told = {cost["run"]: cost for cost in costs}
    parts = [
        f"{metric}, {group} species:\n\n" + _table(own, metric=metric, group=group, told=told)
        for group in groups
        for metric in _METRICS
    ]
    return "\n".join(parts) or _NONE


def _table(rows: Sequence[Row], metric: str, group: str, told: Mapping[str, Row]) -> str:
    found = {(row["method"], row["task"]): row for row in rows if row["species"] == group}
    runs = list(dict.fromkeys(method for method, _ in found))
    lines = _head("bridge", "learned from", "pairs", *TASKS)
    for run in runs:
        cost = told[run]
        figures = [_interval(found[run, task][metric]) for task in TASKS]
        lines.append(_line([run, cost["learned_from"], "yes" if cost["pairs"] else "", *figures]))
    first = [found[runs[0], task] for task in TASKS]
    if metric == "R@1":
        lines.append(_line(["chance", "", "", *(f"{row['chance']:.3f}" for row in first)]))
    return "\n".join((*lines, _line(["queries", "", "", *(row["queries"] for row in first)]), ""))


def _costs(costs: Iterable[Row]) -> str:
    names = ("run", "learned_from", "seconds", "steps", "windows", "clips")
    head = ("bridge", "learned from", "seconds of processor", "steps", "windows heard", "clips")
    lines = [_line(cost[name] for name in names) for cost in costs]
    return "\n".join((*_head(*head), *lines, ""))


def _differences(rows: Sequence[Row]) -> str:
    head = ("bridge", "less", "asked about", "task", "species", "metric", "queries", "difference")
    names = ("first", "other", "asked", "task", "group", "metric", "queries")
    lines = [_line([*(row[name] for name in names), _signed(row["difference"])]) for row in rows]
    return "\n".join((*_head(*head), *lines, "")) if rows else _NONE


def _curve(points: Sequence[Mapping[str, Any]]) -> str:
    if not points:
        return _NONE
    lines = _head("pairs", "species", "queries", "chance", "R@1 among names")
    for point in points:
        told = [point["pairs"], point["species"], point["queries"], f"{point['chance']:.3f}"]
        lines.append(_line([*told, _interval(point["R@1"])]))
    return "\n".join((*lines, "", "![R@1 over pairs](bridges-curve.png)", ""))


def _localisation(tables: Mapping[str, Mapping[str, Any]]) -> str:
    if not tables:
        return _NONE
    head = ("run", "cIoU@0.5", "AUC", "mean cIoU", "of the oracle's", "AP", "max F1", "moments")
    first = next(iter(tables.values()))
    bounds, best = first["median"]["union"], (first["fixed"][name] for name in _BEST)
    lines = [
        *_head(*head),
        *(_judged(name, table) for name, table in tables.items()),
        _line(["oracle", *_median(bounds["oracle"]), "", *(f"{one:.3f}" for one in best), ""]),
        _line(["disc", *_median(bounds["disc"]), *[""] * 4]),
    ]
    return "\n".join((*lines, "", *_negative(tables), "", *_gains(tables)))


def _judged(name: str, table: Mapping[str, Any]) -> str:
    median, fixed = table["median"]["union"], table["fixed"]
    shares = [median["share_of_oracle"], fixed["AP"], fixed["max_F1"]]
    told = (f"{share:.3f}" for share in shares)
    return _line([name, *_median(median["model"]), *told, table["moments"]["seen"]])


def _median(figures: Mapping[str, float]) -> list[str]:
    return [f"{figures[name]:.3f}" for name in ("at_half", "auc", "mean")]


def _negative(tables: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield "Sounds that nothing in the frame makes: pIA, the share of the map above the threshold."
    yield ""
    keys = ("pIA", "AUC_pIA", "F")
    yield from _head("run", "threshold", "sound", *keys)
    for name, table in tables.items():
        for threshold, kinds in table["negative"].items():
            for kind, figures in kinds.items():
                yield _line([name, threshold, kind, *(f"{figures[key]:.3f}" for key in keys)])


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


def _head(*cells: str) -> list[str]:
    return [_line(cells), "|---" * len(cells) + "|"]


def _line(cells: Iterable[Any]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _interval(figure: Mapping[str, float]) -> str:
    return str(Interval(**figure))


def _signed(figure: Mapping[str, float]) -> str:
    return f"{figure['mean']:+.3f} [{figure['low']:+.3f}, {figure['high']:+.3f}]"
