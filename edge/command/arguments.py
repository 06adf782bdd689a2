"""The flags of every command; which command does what is in `edge.cli`."""

import argparse
import os
import re
from collections.abc import Callable, Collection, Container, Sequence
from importlib.metadata import version
from pathlib import Path

from edge.command.flags import FLAGS
from edge.command.parser import Parser, positive, positive_number, positives, seconds
from edge.contract.errors import ConfigError
from edge.contract.names import nearest
from edge.report.forms import FORMS
from edge.source.recording import SUFFIXES

NOT_SETTINGS = (
    *("command", "config", "files", "top", "trials", "id", "undo", "name", "minutes"),
    *("seconds", "action", "user"),
    *("common", "family", "order", "pictures", "sounds", "author", "licence"),
    *("paths", "output", "form", "combine", "again", "jobs"),
    *("day", "week", "since", "until", "named", "form_of", "location"),
)
"""What is asked of one command only."""
ACTIONS = ("list", "show", "add", "remove")
"""Of `species`."""
_DESCRIPTION = "A field recorder hears a bird and shows its picture."
_EPILOG = """`listen` is the default command: birdlisten --device 0
Of recordings it is `analyze`: birdlisten song.wav, birdlisten FOLDER
birdlisten COMMAND --help says more of each."""
PURPOSES = {
    "hear birds": {
        "listen": "listen to a microphone, a file, a folder, a stream or stdin",
        "analyze": "work recordings off by all cores, into tables (birdlisten FOLDER does so, too)",
        "identify": "the best species of each recording, without a threshold",
        "demo": "hear the bundle's recorded dawn chorus",
    },
    "look back, and teach": {
        "today": "the species of a day: how often, first and last, and what is new",
        "records": "what was reported, all of it, by time and species, in any form",
        "report": "a day or a week as one page of HTML, with pictures",
        "export": "confirmed records as checklists for eBird, with the time really listened",
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


def parse(arguments: list[str], commands: Collection[str]) -> argparse.Namespace:
    """The command and its flags; only what was given is in it, but for what isn't a setting.

    Args:
        arguments: of the command line.
        commands: that there are; without one of them it is `listen`, or `analyze` of recordings.

    Raises:
        SystemExit: a usage error (2), or help and version (0).
        ConfigError: the first word is no command, and no recording.
    """
    parser = _parser()
    return parser.parse_args(_with_command(arguments, commands, _takes_value(parser)))


def _with_command(
    arguments: list[str], commands: Collection[str], takes_value: Container[str]
) -> list[str]:
    """The command line with its command first, wherever it stood, or the one that is meant."""
    if arguments[:1] in (["-h"], ["--help"], ["--version"]):
        return arguments
    place = _first_word(arguments, takes_value)
    if place is None:
        return ["listen", *arguments]
    word = arguments[place]
    if word in commands:
        return [word, *arguments[:place], *arguments[place + 1 :]]
    if Path(word).exists() or Path(word).suffix.lower() in SUFFIXES or os.sep in word:
        return ["analyze", *arguments]
    raise ConfigError(
        f"{word!r} is no command, and no recording here{nearest(word, commands)} "
        "(see birdlisten --help)"
    )


def _first_word(arguments: Sequence[str], takes_value: Container[str]) -> int | None:
    """Place of the first argument that is neither a flag nor the value of one."""
    place = 0
    while place < len(arguments):
        argument = arguments[place]
        if not argument.startswith("-") or argument == "-":
            return place
        place += 2 if argument in takes_value else 1
    return None


def _takes_value(parser: argparse.ArgumentParser) -> set[str]:
    """Flags of any command that another argument belongs to."""
    (commands,) = (
        action for action in parser._actions if isinstance(action, argparse._SubParsersAction)
    )
    return {
        flag
        for command in commands.choices.values()
        for action in command._actions
        for flag in action.option_strings
        if action.nargs != 0
    }


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
        # Behind its own options, which are added to it.
        settings = command.add_argument_group("settings")
        for group in FLAGS[name]:
            group(settings)
        return command

    _add_hearing_commands(add)
    _add_records_commands(add)
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
    _again_flag(listen)
    _add_analyze_flags(add("analyze"))
    files = add("identify")
    files.add_argument("files", nargs="+", type=Path, metavar="PATH", help="files, or folders")
    files.add_argument("--top", type=positive, default=5, help="species a file (default 5)")
    add("demo")


def _add_analyze_flags(analyze: Parser) -> None:
    own = analyze.add_argument
    own("paths", nargs="+", type=Path, metavar="PATH", help="recordings, and folders of them")
    own("--output", type=Path, metavar="DIR", help="folder of tables and records (default: stdout)")
    own(
        "--format",
        dest="form",
        metavar="NAMES",
        help=f"of tables: {', '.join(FORMS)}; several by commas (default csv)",
    )
    own("--combine", action="store_true", help="one table of all recordings, too")
    own("--jobs", type=positive, metavar="N", help="worker processes (default: one a core)")
    own("--explain", action="store_true", help="what speaks for every record")
    _again_flag(analyze)


def _again_flag(command: Parser) -> None:
    command.add_argument("--again", action="store_true", help="hear recordings known already, too")


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


def _add_records_commands(add: Callable[[str], Parser]) -> None:
    today, records = add("today"), add("records").add_argument
    today.add_argument("day", nargs="?", metavar="DATE", help="default today; or yesterday")
    page = add("report").add_argument
    page("--output", type=Path, required=True, metavar="FILE", help="the page, such as week.html")
    exports = add("export").add_argument
    exports(
        "form_of",
        choices=("ebird", "clips"),
        metavar="ebird|clips",
        help="a pair of files for eBird; or the clips as WAV, each with its species as GUANO",
    )
    exports("--output", type=Path, required=True, metavar="DIR", help="folder of the files")
    exports("--location", metavar="NAME", help="of the place, for eBird (default birdlisten)")
    for command in (records, exports):
        command("--since", metavar="MOMENT", help="such as 2026-05-01 or 2026-05-01T04:30")
        command("--until", metavar="MOMENT", help="likewise")
    for flag, text in (("--day", "of that day"), ("--week", "of the seven days up to that one")):
        for command in (records, page, exports):
            command(flag, nargs="?", const="today", metavar="DATE", help=f"{text} (default today)")
    records("--species", dest="named", metavar="NAME", help="of that one")
    records("--format", dest="form", metavar="NAME", help=f"of {', '.join(FORMS)}")


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
