"""Flags of the actions of `birdlisten gallery`."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.command.flags import bundle_flag, json_flag, station_flags, talk_flags
from edge.command.parser import Parser, positive

USUAL_ACTION = "info"
GALLERY_ONLY = ("sources", "others", "target", "keep", "sheet", "dry_run", "tower_file", "contact")
"""Arguments that are no settings; those that other commands have, too, aren't named again."""
_SETTINGS = (json_flag, bundle_flag, station_flags, talk_flags)
_SOURCES = "folders with one a species, manifest.csv and what it names, or pictures with --species"


def _output(parser: Parser) -> None:
    text = "a copy there is edited (default: the bundle, or a copy of your own of a packaged one)"
    parser.add_argument("--output", dest="target", type=Path, metavar="DIR", help=text)


def _sources(parser: Parser) -> None:
    add = parser.add_argument
    add("sources", nargs="+", type=Path, metavar="PATH", help=_SOURCES)
    add("--species", dest="named", metavar="NAME", help="that the pictures are of")
    add("--author", metavar="NAME", help="of pictures without a table that names theirs")
    add("--licence", metavar="NAME", help="likewise")
    _output(parser)


def _info(parser: Parser) -> None:
    """Nothing but settings."""


def _remove(parser: Parser) -> None:
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="species whose pictures go")
    add("--pictures", nargs="+", metavar="FILE|URL", help="single ones, as the table has them")
    _output(parser)


def _diff(parser: Parser) -> None:
    text = "a bundle to go with --bundle; or two, of which the first comes first"
    parser.add_argument("others", nargs="+", metavar="BUNDLE", help=text)


def _merge(parser: Parser) -> None:
    text = "bundles that --bundle gets the pictures of; several: the first gets those of the others"
    parser.add_argument("others", nargs="+", metavar="BUNDLE", help=text)
    _output(parser)


def _check(parser: Parser) -> None:
    _sheet(parser, "a page that shows all that was found")


def _choose(parser: Parser) -> None:
    add = parser.add_argument
    add("--keep", type=positive, required=True, metavar="K", help="pictures a species at most")
    add("--species", dest="named", metavar="NAME", help="of that one only")
    add("--dry-run", action="store_true", help="change nothing")
    _sheet(parser, "a page that shows what stays, what goes, and why")
    _output(parser)


def _sheet(parser: Parser, text: str) -> None:
    parser.add_argument("--sheet", type=Path, metavar="FILE", help=text)


def _tower(parser: Parser) -> None:
    add = parser.add_argument
    add("tower_file", type=Path, metavar="FILE", help="that was made with the bundle")


def _pictures(parser: Parser) -> None:
    add = parser.add_argument
    add("--contact", metavar="ADDRESS", help="of whoever asks, which the sites want to know")
    add("--again", action="store_true", help="those, too, that were refused before")


@dataclass(frozen=True)
class GalleryAction:
    """An action, as the command line has it."""

    purpose: str
    add_flags: Callable[[Parser], None]


ACTIONS: dict[str, GalleryAction] = {
    "info": GalleryAction("species, pictures, credits and image tower of a bundle", _info),
    "add": GalleryAction("add pictures; none goes, and none comes twice", _sources),
    "remove": GalleryAction("remove the pictures of species, or single ones", _remove),
    "replace": GalleryAction("the same, for all that their species have", _sources),
    "merge": GalleryAction("add the pictures and species of other bundles of one teacher", _merge),
    "diff": GalleryAction("species and pictures that one of two bundles has", _diff),
    "check": GalleryAction("look for wrong and doubled pictures, and missing credits", _check),
    "choose": GalleryAction("keep the pictures of each species that tell the most", _choose),
    "tower": GalleryAction("install an image tower that lies apart from its bundle", _tower),
    "pictures": GalleryAction("fetch those that are elsewhere, small, to the station", _pictures),
}
"""What can be done to a gallery; each has its function in `edge.command.gallery`."""


def add_gallery_command(add: Callable[[str], Parser]) -> None:
    """`gallery`, whose actions have flags of their own."""
    gallery = add("gallery")
    gallery.formatter_class = argparse.RawDescriptionHelpFormatter
    actions = gallery.add_subparsers(dest="action", metavar="ACTION", help="see below")
    for name, action in ACTIONS.items():
        parser: Parser = actions.add_parser(
            name, description=action.purpose, argument_default=argparse.SUPPRESS
        )
        action.add_flags(parser)
        settings = parser.add_argument_group("settings")
        for group in _SETTINGS:
            group(settings)


def actions_help() -> str:
    """The actions, a line each."""
    width = max(map(len, ACTIONS))
    lines = (f"  {name:{width}}  {action.purpose}" for name, action in ACTIONS.items())
    usual = f"Without one it is {USUAL_ACTION}. Each takes --bundle, --json and flags of its own:"
    more = "birdlisten gallery ACTION --help"
    return "\n".join(["actions:", *lines, "", usual, more])
