"""Contact sheet: pictures of a gallery by species, on one page of HTML that needs nothing else."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path

from edge.contract.atomic import write_atomic
from edge.contract.text import counted

_STYLE = """
:root { color-scheme: light dark;
  --ink: #1c2420; --paper: #fbfaf6; --line: #d9d6cc; --good: #216e50; --bad: #a03a2c }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8e3; --paper: #151a17; --line: #39413c; --good: #78d2a5; --bad: #ee9384 } }
body { background: var(--paper); color: var(--ink); font: 15px/1.45 system-ui, sans-serif;
  max-width: 75rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin: 1.6rem 0 .5rem; font-style: italic }
ul { list-style: none; padding: 0; margin: 0; display: grid; gap: .8rem;
  grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)) }
li { border: 2px solid var(--bad); border-radius: .4rem; padding: .5rem; overflow-wrap: anywhere }
li.kept { border-color: var(--good) }
img, .none { width: 100%; height: 9rem; object-fit: contain; background: var(--line) }
.none { display: grid; place-items: center }
b { color: var(--bad) } .kept b { color: var(--good) } small { display: block; opacity: .8 }
"""


@dataclass(frozen=True)
class NameMap:
    """A picture in colours by the similarity of its places to its species' name."""

    jpeg: bytes
    least: float
    most: float


@dataclass(frozen=True, kw_only=True)
class SheetPicture:
    """A picture as the sheet shows it."""

    species: str
    name: str
    jpeg: bytes | None
    """None: it isn't here; the sheet has the link."""
    map: NameMap | None = None
    """None: the bundle has no picture map, or the picture isn't here."""
    url: str
    credit: str
    told: str
    """Reason why it is kept, or not."""
    kept: bool


def write_sheet(file: Path, title: str, pictures: Iterable[SheetPicture]) -> None:
    """Write the page, whole or not at all; the best pictures of a species first.

    Raises:
        OSError: it can't be written.
    """
    write_atomic(file, to_sheet(title, list(pictures)).encode())


def to_sheet(title: str, pictures: Sequence[SheetPicture]) -> str:
    """The page."""
    ordered = sorted(pictures, key=lambda picture: (picture.species, not picture.kept))
    groups = groupby(ordered, key=lambda picture: picture.species)
    kept = sum(picture.kept for picture in pictures)
    sections = "".join(
        f"<h2>{escape(species)}</h2><ul>{''.join(map(_card, group))}</ul>"
        for species, group in groups
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(title)}</h1><p>{counted(len(pictures), 'picture')}, {kept} kept</p>"
        f"{sections}</body></html>\n"
    )


def _card(picture: SheetPicture) -> str:
    verdict = "kept" if picture.kept else "not kept"
    return (
        f'<li class="{"kept" if picture.kept else "gone"}">{_image(picture)}'
        f"<small>{_named(picture)}</small><b>{verdict}</b>: {escape(picture.told)}"
        f"<small>{escape(picture.credit)}</small></li>"
    )


def _image(picture: SheetPicture) -> str:
    if picture.jpeg is None:
        return '<div class="none">not shipped</div>'
    data = base64.b64encode(picture.jpeg).decode()
    name = escape(picture.species, quote=True)
    return f'<img alt="{name}" src="data:image/jpeg;base64,{data}">{_map(picture.map)}'


def _map(drawn: NameMap | None) -> str:
    """The map below its picture, with the ends of its scale."""
    if drawn is None:
        return ""
    data = base64.b64encode(drawn.jpeg).decode()
    told = f"likeness of its places to the name: {drawn.least:.2f} (dark) to {drawn.most:.2f}"
    return f'<img alt="{told}" src="data:image/jpeg;base64,{data}"><small>{told}</small>'


def _named(picture: SheetPicture) -> str:
    """The picture's name, which leads to its page if that is on the web."""
    if not picture.url.startswith(("https://", "http://")):
        return escape(picture.name)
    return f'<a href="{escape(picture.url, quote=True)}">{escape(picture.name)}</a>'
