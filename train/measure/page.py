"""An evaluation as a page: Markdown for terminals, and HTML that opens offline."""

import html
from base64 import b64encode
from collections.abc import Iterable, Sequence
from pathlib import Path
from string import Template
from typing import Any

from edge.contract.tables import read_table
from train.measure.methods import DISTILLED
from train.measure.metrics import Interval
from train.measure.plots import families, similarities, spaces
from train.measure.protocol import Protocol, Task
from train.measure.retrieval import METRICS, PooledEmbeddings

_PAGE = Path(__file__).with_name("page.html")
_PEERS = Path(__file__).with_name("peers.csv")
"""R@1 / R@5 in percent, quoted: what each paper measured on its own data."""
_NAMES = ("method", "species", "task", "queries")
_MEANS = ("mAP by species", "R@10", "rank", "genus", "family", "order")
"""Shown in tables without their intervals."""
_DRAWN = ("A->T", "A->I")
_SYNTHETIC = (
    '<p class="note"><strong>Synthetic aviary:</strong> computed sounds and pictures. This shows '
    "that the chain works; it says nothing about real birds.</p>"
)


def to_markdown(report: dict[str, Any]) -> str:
    """The report as a table."""
    columns = (*_NAMES, *METRICS, *_MEANS)
    lines = [
        f"{_summary(report)} Mean [95 % bootstrap interval over queries].",
        "",
        f"| {' | '.join(columns)} |",
        "|---" * len(columns) + "|",
    ]
    for row in report["rows"]:
        figures = [str(Interval(**row[name])) for name in METRICS]
        means = [_mean(row, name) for name in _MEANS]
        lines.append(f"| {' | '.join([*_named(row), *figures, *means])} |")
    return "\n".join(lines)


def to_html(
    report: dict[str, Any], protocol: Protocol, embedded: PooledEmbeddings, tasks: dict[str, Task]
) -> str:
    """The report with its pictures in one file; nothing is fetched.

    Args:
        report: from `train.evaluate`.
        protocol: what was asked.
        embedded: recordings as the distilled student hears them.
        tasks: what it was asked, by name.
    """
    drawn = [task for name, task in tasks.items() if name.startswith(_DRAWN)]
    best = next((task for name, task in tasks.items() if name.startswith("A->species")), drawn[0])
    columns = (*_NAMES, *METRICS, *_MEANS)
    rows = [[*map(html.escape, _named(row)), *_cells(row)] for row in report["rows"]]
    ours = [row["method"] == DISTILLED for row in report["rows"]]
    quoted = read_table(_PEERS, ("method", "species"))
    return Template(_PAGE.read_text(encoding="utf-8")).substitute(
        title=html.escape(f"{report['dataset']}, {report['split']}"),
        summary=html.escape(_summary(report)),
        warning=_SYNTHETIC if report["synthetic"] else "",
        rows=_table(columns, rows, ours),
        families=_figure(families(best, protocol), f"{best.name}, recordings by family"),
        similarities=_figure(similarities(drawn), "cosine of a recording with what is searched"),
        spaces=_figure(spaces(embedded, protocol), "principal components; colours are orders"),
        quoted=_table(quoted[0], [list(row.values()) for row in quoted], [False] * len(quoted)),
    )


def _summary(report: dict[str, Any]) -> str:
    return (
        f"{report['dataset']}, split {report['split']}: {report['recordings']} recordings, "
        f"{report['pictures']} pictures."
    )


def _named(row: dict[str, Any]) -> list[str]:
    return [str(row[name]) for name in _NAMES]


def _mean(row: dict[str, Any], name: str) -> str:
    return f"{row[name]['mean']:.1f}" if name == "rank" else f"{row[name]['mean']:.3f}"


def _cells(row: dict[str, Any]) -> list[str]:
    return [f"{_mean(row, name)}<br><small>{_interval(row[name])}</small>" for name in METRICS] + [
        _mean(row, name) for name in _MEANS
    ]


def _interval(figure: dict[str, float]) -> str:
    return f"{figure['low']:.3f} to {figure['high']:.3f}"


def _table(columns: Iterable[str], rows: Sequence[Sequence[str]], marked: Iterable[bool]) -> str:
    head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
    cells = ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    kinds = [' class="ours"' if ours else "" for ours in marked]
    body = "\n".join(f"<tr{kind}>{row}</tr>" for kind, row in zip(kinds, cells, strict=True))
    return f"<table><tr>{head}</tr>\n{body}</table>"


def _figure(png: bytes, caption: str) -> str:
    source = f"data:image/png;base64,{b64encode(png).decode()}"
    words = html.escape(caption)
    return f'<figure><img alt="{words}" src="{source}"><figcaption>{words}</figcaption></figure>'
