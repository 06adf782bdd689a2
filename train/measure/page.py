"""An evaluation as a page: Markdown for terminals, and HTML that opens offline."""

import html
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from string import Template
from typing import Any

from edge.contract.tables import read_table
from train.measure.figures import Asked
from train.measure.methods import DISTILLED
from train.measure.metrics import Interval
from train.measure.plots import families, similarities, spaces
from train.measure.protocol import Protocol
from train.measure.retrieval import METRICS, PooledEmbeddings

_PAGE = Path(__file__).with_name("page.html")
_PEERS = Path(__file__).with_name("peers.csv")
"""R@1 / R@5 in percent, quoted: what each paper measured on its own data."""
_NAMES = ("method", "species", "task", "queries")
_MEANS = ("mAP by species", "R@10", "rank", "genus", "family", "order")
"""Shown in tables without their intervals."""
_PIECES = ("method", "species", "classes", "pieces")
_SOUNDSCAPE = ("cmAP", "AUROC", "top-1")
_SOUNDSCAPES = (
    "Soundscapes: mean over the species that sing in some pieces and not in others, of average "
    "precision and of the area under the ROC curve over all pieces, those without a bird among "
    "them; top-1 over pieces with a bird."
)
_HEARD = (
    "Unseen: by this training; the student's own pretraining, of which no list of species is "
    "known, may have heard nearly all of them."
)
_DRAWN = ("A->T", "A->I")
_SYNTHETIC = (
    '<p class="note"><strong>Synthetic aviary:</strong> computed sounds and pictures. This shows '
    "that the chain works; it says nothing about real birds.</p>"
)


def to_markdown(report: dict[str, Any]) -> str:
    """The report as a table, and a second one if pieces hold several species or none."""
    summary = f"{_summary(report)} Mean [95 % bootstrap interval over queries]. {_unseen(report)}"
    columns = (*_NAMES, *METRICS, *_MEANS)
    rows = [
        [
            *_named(row),
            *(str(Interval(**row[name])) for name in METRICS),
            *(_mean(row, name) for name in _MEANS),
        ]
        for row in report["rows"]
    ]
    lines = [summary.strip(), "", *_lines(columns, rows)]
    if report["soundscapes"]:
        pieces = [
            [
                *(str(row[name]) for name in _PIECES),
                *(str(Interval(**row[name])) for name in _SOUNDSCAPE),
            ]
            for row in report["soundscapes"]
        ]
        lines += ["", _SOUNDSCAPES, "", *_lines((*_PIECES, *_SOUNDSCAPE), pieces)]
    return "\n".join(lines)


def _lines(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield "|---" * len(columns) + "|"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def to_html(
    report: dict[str, Any], protocol: Protocol, embedded: PooledEmbeddings, asked: dict[str, Asked]
) -> str:
    """The report with its pictures in one file; nothing is fetched.

    Args:
        report: from `train.evaluate`.
        protocol: what was asked.
        embedded: recordings as the distilled student hears them.
        asked: what it was asked, by name, and found.
    """
    drawn = [found for name, found in asked.items() if name.startswith(_DRAWN)]
    best = next((found for name, found in asked.items() if name.startswith("A->species")), drawn[0])
    columns = (*_NAMES, *METRICS, *_MEANS)
    rows = [[*map(html.escape, _named(row)), *_cells(row)] for row in report["rows"]]
    ours = [row["method"] == DISTILLED for row in report["rows"]]
    quoted = read_table(_PEERS, ("method", "species"))
    return Template(_PAGE.read_text(encoding="utf-8")).substitute(
        title=html.escape(f"{report['dataset']}, {report['split']}"),
        summary=html.escape(_summary(report)),
        warning=_SYNTHETIC if report["synthetic"] else "",
        unseen=html.escape(_unseen(report)),
        soundscapes=_soundscapes(report),
        rows=_table(columns, rows, ours),
        families=_figure(families(best, protocol), f"{best.task.name}, recordings by family"),
        similarities=_figure(
            similarities([found.task for found in drawn]),
            "cosine of a recording with what is searched",
        ),
        spaces=_figure(spaces(embedded, protocol), "principal components; colours are orders"),
        quoted=_table(quoted[0], [list(row.values()) for row in quoted], [False] * len(quoted)),
    )


def _summary(report: dict[str, Any]) -> str:
    return (
        f"{report['dataset']}, split {report['split']}: {report['recordings']} recordings, "
        f"{report['pictures']} pictures."
    )


def _unseen(report: dict[str, Any]) -> str:
    return _HEARD if report["heard_before"] else ""


def _soundscapes(report: dict[str, Any]) -> str:
    """Table of pieces with any number of species, if there are such."""
    if not (found := report["soundscapes"]):
        return ""
    rows = [
        [
            *(html.escape(str(row[name])) for name in _PIECES),
            *(
                f"{row[name]['mean']:.3f}<br><small>{_interval(row[name])}</small>"
                for name in _SOUNDSCAPE
            ),
        ]
        for row in found
    ]
    ours = [row["method"] == DISTILLED for row in found]
    table = _table((*_PIECES, *_SOUNDSCAPE), rows, ours)
    return f'<h2>Soundscapes</h2>\n<p class="note">{_SOUNDSCAPES}</p>\n{table}'


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
