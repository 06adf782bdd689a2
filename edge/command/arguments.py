"""The flags of every command; which command does what is in `edge.cli`."""

import argparse
import re
from collections.abc import Callable, Container
from importlib.metadata import version
from pathlib import Path

from edge.command.flags import FLAGS
from edge.command.parser import Parser, positive, positive_number, positives, seconds

NOT_SETTINGS = (
    *("command", "config", "files", "top", "trials", "id", "undo", "name", "minutes"),
    *("seconds", "action", "user"),
    *("common", "family", "order", "pictures", "sounds", "author", "licence"),
)
"""What is asked of one command only."""
ACTIONS = ("list", "show", "add", "remove")
"""Of `species`."""
_DESCRIPTION = "A field recorder hears a bird and shows its picture."
_EPILOG = """`listen` is the default command: birdlisten --device 0
birdlisten COMMAND --help says more of each."""
PURPOSES = {
    "hear birds": {
        "listen": "listen to a microphone, a file, a folder, a stream or stdin",
        "identify": "the best species of each recording, without a threshold",
        "demo": "hear the bundle's recorded dawn chorus",
    },
    "look back, and teach": {
        "why": "what speaks for a record of this station, or why it was not reported",
        "confirm": "a record was right: its sound becomes an exemplar of the species",
        "reject": "a record was wrong: its sound becomes background",
        "learn-background": "learn what this site sounds like when no bird sings",
        "species": "add a bird by pictures and sounds, list the station's own, remove one",
    },
    "set up a recorder": {
        "devices": "list the input devices, and what each can do",
        "doctor": "check devices, level, bundle, disk, clock and heat, with advice",
        "bench": "measure every precision here, and keep the best for `precision: auto`",
        "service": "listen as a service of systemd, from boot to boot",
    },
}
"""The commands by what one wants to do, each with its help."""


def parse(arguments: list[str], commands: Container[str]) -> argparse.Namespace:
    """The command and its flags; only what was given is in it, but for what isn't a setting.

    Args:
        arguments: of the command line.
        commands: that there are; without one of them it is `listen`.

    Raises:
        SystemExit: a usage error (2), or help and version (0).
    """
    named = bool(arguments) and arguments[0] in commands
    asks_main = arguments[:1] in (["-h"], ["--help"], ["--version"])
    if not asks_main and not named:
        misnamed = arguments and not arguments[0].startswith("-")
        arguments = arguments if misnamed else ["listen", *arguments]
    return _parser().parse_args(arguments)


def _parser() -> Parser:
    parser = Parser(
        prog="birdlisten",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_by_purpose(),
    )
    parser.add_argument(
        "--version", action="version", version=f"birdlisten {version('birdlisten')}"
    )
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True, help="see below"
    )
    helps = {name: text for group in PURPOSES.values() for name, text in group.items()}

    def add(name: str) -> Parser:
        command: Parser = commands.add_parser(
            name,
            description=helps[name],
            argument_default=argparse.SUPPRESS,
        )
        for group in FLAGS[name]:
            group(command)
        return command

    _add_hearing_commands(add)
    _add_review_commands(add)
    _add_machine_commands(add)
    for name, command in commands.choices.items():
        command.epilog = _not_here(name, command)
    return parser


def _not_here(name: str, command: argparse.ArgumentParser) -> str | None:
    """The flags of hearing that a command has no use for."""
    if name == "service":
        return "All flags but --user are those of `listen`, for install and show."
    hearing = Parser(add_help=False)
    for group in FLAGS["demo"]:
        group(hearing)
    own = set(_flags_of(command))
    left = [flag for flag in _flags_of(hearing) if flag not in own]
    return f"Not for this command: {', '.join(left)}." if left else None


def _flags_of(parser: argparse.ArgumentParser) -> list[str]:
    return re.findall(r"--[a-z-]+", parser.format_usage())


def _by_purpose() -> str:
    """The commands by what one wants to do, for the help of all."""
    width = max(len(name) for group in PURPOSES.values() for name in group)
    lines = []
    for purpose, group in PURPOSES.items():
        lines += [f"{purpose}:", *(f"  {name:{width}}  {text}" for name, text in group.items()), ""]
    return "\n".join([*lines, _EPILOG])


def _add_hearing_commands(add: Callable[[str], Parser]) -> None:
    listen = add("listen")
    listen.add_argument(
        "--watch", action="store_true", help="a folder: go on with the files that come"
    )
    listen.add_argument("--explain", action="store_true", help="what speaks for every record")
    files = add("identify")
    files.add_argument("files", nargs="+", type=Path, metavar="FILE")
    files.add_argument("--top", type=positive, default=5, help="species a file (default 5)")
    add("demo")


def _add_machine_commands(add: Callable[[str], Parser]) -> None:
    add("devices")
    doctor = add("doctor")
    doctor.add_argument(
        "--seconds",
        type=seconds,
        default=3.0,
        metavar="S",
        help="to record for the level; 0: none",
    )
    trials = add("bench")
    trials.add_argument(
        "--threads",
        dest="trials",
        type=positives,
        default=[1, 2],
        metavar="N,...",
        help="how many to try (default 1,2)",
    )
    _add_service_flags(add)


def _add_review_commands(add: Callable[[str], Parser]) -> None:
    why = add("why")
    why.add_argument(
        "id", nargs="?", default=None, help="or a part of it; without one the last are listed"
    )
    yes, no = add("confirm"), add("reject")
    for command in (yes, no):
        command.add_argument("id", help="or a part of it; `birdlisten why` lists the last ones")
    either = yes.add_mutually_exclusive_group()
    either.add_argument("--as", dest="name", metavar="SPECIES", help="it was another one")
    yes.set_defaults(name=None)
    for group in (either, no):
        group.add_argument("--undo", action="store_true", default=False, help="take it back")
    _add_species_command(add)
    site = add("learn-background")
    site.add_argument("--minutes", type=positive_number, default=10.0, help="default 10")


def _add_species_command(add: Callable[[str], Parser]) -> None:
    species = add("species")
    species.add_argument("action", nargs="?", choices=ACTIONS, default=ACTIONS[0])
    species.add_argument("name", nargs="?", help="scientific, or one that the bundle knows")
    species.set_defaults(name=None)
    undo = species.add_argument_group("of remove")
    undo.add_argument("--undo", action="store_true", default=False, help="only what came last")
    new = species.add_argument_group("of add").add_argument
    new("--sounds", nargs="+", type=Path, metavar="FILE", help="recordings of it, or folders")
    new("--pictures", nargs="+", type=Path, metavar="FILE", help="likewise (needs Pillow)")
    new("--common", metavar="NAME", help="its common name")
    new("--family", help="default: its genus', where the bundle knows that")
    new("--order", help="likewise")
    new("--author", metavar="NAME", help="of the pictures")
    new("--licence", metavar="NAME", help="likewise")


def _add_service_flags(add: Callable[[str], Parser]) -> None:
    service = add("service")
    service.add_argument("action", choices=("install", "show", "status", "uninstall"))
    service.add_argument("--user", default=None, help="who runs it (default: who calls sudo)")
    service.add_argument("--explain", action="store_true", help="what speaks for every record")
