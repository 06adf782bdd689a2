"""Report as one page of HTML that needs nothing else: when it heard, activity by hour, species."""

import base64
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from html import escape

from edge.contract.picture_source import picture_page
from edge.contract.text import counted
from edge.records.detection import Picture
from edge.report.health import ListeningHealth, to_strips
from edge.report.summary import HOURS, SpeciesSummary, total

_CELL, _LABEL = 18, 190
"""Sides of a cell and length of a label in the heatmap."""
_STYLE = """
:root { color-scheme: light dark;
  --ink: #1c2420; --paper: #fbfaf6; --line: #d9d6cc; --bird: 33 110 80 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8e3; --paper: #151a17; --line: #39413c; --bird: 120 210 165 } }
body { background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif;
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem; margin-bottom: 0 } h2 { font-size: 1.15rem; margin-top: 2rem }
.sum { margin-top: .2rem; opacity: .8 } svg { max-width: 100%; height: auto }
svg text { fill: currentColor; font-size: 11px } svg rect { fill: rgb(var(--bird)) }
ul { list-style: none; padding: 0; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)) }
li { border: 1px solid var(--line); border-radius: .5rem; padding: .8rem }
img { width: 100%; height: 12rem; object-fit: cover; object-position: 50% 25%;
  border-radius: .3rem; background: var(--line) }
h3 { margin: .4rem 0 0; font-size: 1rem } small { opacity: .75; display: block }
.new { background: rgb(var(--bird)); color: var(--paper); border-radius: 1rem; padding: 0 .5rem;
  font-size: .75rem; margin-left: .4rem; white-space: nowrap }
"""


def to_page(
    title: str,
    species: Sequence[SpeciesSummary],
    health: ListeningHealth,
    picture: Callable[[Picture], bytes | None],
    made: datetime,
) -> str:
    """The page.

    Args:
        title: names the span.
        species: of it, most records first.
        health: of it.
        picture: gives the JPEG of a picture, where it is here.
        made: the moment that is named as that of the report; days are those of its zone.
    """
    zone = made.tzinfo or timezone.utc
    new = sum(summary.is_new for summary in species)
    sums = [f"{len(species)} species", counted(total(species), "record")]
    sums += [f"{new} never reported here before"] if new else []
    cards = "\n".join(_card(summary, picture) for summary in species)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f'<h1>{escape(title)}</h1><p class="sum">{", ".join(sums)}</p>'
        f'<h2>Listening</h2><p class="sum">{escape("; ".join(health.told(zone)))}</p>'
        f"{to_strips(health, zone)}"
        f"<h2>By hour</h2>{_heatmap(species)}"
        f"<h2>Species</h2><ul>{cards}</ul>"
        f"<p><small>birdlisten, {made:%Y-%m-%d %H:%M}. Probabilities are the bundle's; what "
        "nobody has confirmed may be wrong.</small></p></body></html>\n"
    )


def _heatmap(species: Sequence[SpeciesSummary]) -> str:
    """Rows of species, columns of hours; the darker, the more records."""
    width, height = _LABEL + HOURS * _CELL, (len(species) + 1) * _CELL
    most = max((max(summary.by_hour) for summary in species), default=1)
    hours = "".join(
        f'<text x="{_LABEL + hour * _CELL}" y="12">{hour:02}</text>' for hour in range(0, HOURS, 3)
    )
    rows = "".join(_row(place, summary, most) for place, summary in enumerate(species, 1))
    return (
        f'<svg role="img" aria-label="Records of each species by hour of the day" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}">{hours}{rows}</svg>'
    )


def _row(place: int, summary: SpeciesSummary, most: int) -> str:
    top, name = place * _CELL, escape(summary.common_name)
    cells = "".join(
        f'<rect x="{_LABEL + hour * _CELL}" y="{top}" width="{_CELL - 2}" height="{_CELL - 2}" '
        f'rx="3" fill-opacity="{0.15 + 0.85 * records / most:.2f}">'
        f"<title>{name}, {hour:02} to {hour + 1:02} h: {records}</title></rect>"
        for hour, records in enumerate(summary.by_hour)
        if records
    )
    return f'<text x="0" y="{top + 12}">{name}</text>{cells}'


def _card(summary: SpeciesSummary, picture: Callable[[Picture], bytes | None]) -> str:
    assert summary.first is not None
    assert summary.last is not None
    new = '<span class="new">new here</span>' if summary.is_new else ""
    said = "".join(f", {number} {verdict}" for verdict, number in sorted(summary.verdicts.items()))
    return (
        f"<li>{_picture(summary, picture)}<h3>{escape(summary.common_name)}{new}</h3>"
        f"<small><i>{escape(summary.scientific_name)}</i></small>"
        f"<small>{counted(summary.records, 'record')}{escape(said)}; "
        f"{summary.first:%d %b %H:%M} to {summary.last:%d %b %H:%M}{_sure(summary)}</small></li>"
    )


def _sure(summary: SpeciesSummary) -> str:
    best = summary.best
    if best is None:
        return ""
    told = "similarity" if best.probability is None else "probability"
    return f"; best {told} {best.confidence:.2f}"


def _picture(summary: SpeciesSummary, picture: Callable[[Picture], bytes | None]) -> str:
    """The picture that matched best, with its credit; a link to it where it isn't here."""
    shown = summary.best.pictures[0] if summary.best and summary.best.pictures else None
    if shown is None:
        return ""
    credit = f"<small>{escape(shown.author)}, {escape(shown.licence)}</small>"
    content = picture(shown)
    if content is not None:
        data = base64.b64encode(content).decode()
        name = escape(summary.common_name, quote=True)
        return f'<img alt="{name}" src="data:image/jpeg;base64,{data}">{credit}'
    if shown.url and shown.url.startswith(("https://", "http://")):
        page = escape(picture_page(shown.url), quote=True)
        return f'<small><a href="{page}">picture</a></small>{credit}'
    return ""
