"""The command line: its commands, and which one is meant; what each does is in `edge.cli`."""

import argparse
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from edge.command.flags import FLAGS
from edge.command.gallery_flags import ACTIONS as GALLERY_ACTIONS
from edge.command.gallery_flags import (
    GALLERY_ONLY,
    USUAL_ACTION,
    actions_help,
    add_gallery_command,
)
from edge.command.own_flags import (
    add_hearing_commands,
    add_machine_commands,
    add_records_commands,
    add_review_commands,
)
from edge.command.parser import Parser
from edge.contract.errors import ConfigError
from edge.contract.names import nearest
from edge.source.suffixes import SUFFIXES

NOT_SETTINGS = (
    *("command", "config", "files", "top", "trials", "id", "map_file", "undo", "name", "minutes"),
    *("seconds", "action", "user"),
    *("common", "family", "order", "pictures", "sounds", "author", "licence"),
    *("folder", "picture", "text", "sound", "within"),
    *("paths", "output", "form", "combine", "again", "jobs", "ray", "keep_embeddings"),
    *("day", "week", "since", "until", "named", "form_of", "location", "database"),
    *("file", "begin_s", "end_s"),
    *("host", "port", "public_url", "guests", "names", "proxies"),
    *GALLERY_ONLY,
)
"""What is asked of one command only."""
_Subparsers = argparse._SubParsersAction
_DESCRIPTION = "A field recorder hears a bird and shows its picture."
_EPILOG = """`listen` is the default command: birdlisten --device 0
Of recordings it is `analyze`: birdlisten song.wav, birdlisten FOLDER
birdlisten COMMAND --help says more of each."""
PURPOSES = {
    "hear birds": {
        "listen": "listen to a microphone, a file, a folder, a stream or stdin",
        "analyze": "work recordings off by all cores, into tables (birdlisten FOLDER does so, too)",
        "rematch": "match what analyze kept with a changed gallery, without hearing again",
        "identify": "the best species of each recording, without a threshold",
        "demo": "hear the bundle's recorded dawn chorus",
    },
    "look back, and teach": {
        "today": "the species of a day: how often, first and last, and what is new",
        "records": "what was reported, all of it, by time and species, in any form",
        "search": "which kept sound, or which picture, fits a picture, a name or a sound",
        "report": "a day or a week as one page of HTML, with pictures",
        "export": "confirmed records as checklists for eBird; clips that tell their species",
        "import": "the records of a BirdNET-Pi go on here",
        "why": "what speaks for a record of this station, or why it was not reported",
        "confirm": "a record was right, or another bird: its sound becomes an exemplar of it",
        "reject": "a record was wrong: what sounds like it is not reported again",
        "teach": "a bird in a recording was missed: its sound becomes an exemplar of it",
        "learnt": "what this station was taught, by whom, and what that has changed",
        "learn-background": "learn what this site sounds like when no bird sings",
        "species": "add a bird by pictures and sounds, list the station's own, remove one",
        "gallery": "the pictures of a bundle: add, remove, join, compare, check, choose",
    },
    "set up a recorder": {
        "devices": "list the input devices, and what each can do",
        "doctor": "check devices, level, bundle, disk, clock and heat, with advice",
        "bench": "measure every precision here, and keep the best for `precision: auto`",
        "publish": "tell MQTT, Home Assistant, webhooks, Apprise or Prometheus what is heard",
        "service": "listen as a service of systemd, from boot to boot",
        "web": "the station as a page, and as an API that other tools already speak",
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
    return parser.parse_args(_with_command(arguments, commands, _flags_with_value(parser)))


def _with_command(
    arguments: list[str], commands: Collection[str], needs_value: Mapping[str, bool]
) -> list[str]:
    """The command line with its command first, wherever it stood, or the one that is meant."""
    if arguments[:1] in (["-h"], ["--help"], ["--version"]):
        return arguments
    place = _first_word(arguments, commands, needs_value)
    if place is None:
        return ["listen", *arguments]
    word = arguments[place]
    if word in commands:
        rest = [*arguments[:place], *arguments[place + 1 :]]
        return [word, *(_with_action(rest, needs_value) if word == "gallery" else rest)]
    if Path(word).exists() or Path(word).suffix.lower() in SUFFIXES or os.sep in word:
        return ["analyze", *arguments]
    raise ConfigError(
        f"{word!r} is no command, and no recording here{nearest(word, commands)} "
        "(see birdlisten --help)"
    )


def _with_action(arguments: list[str], needs_value: Mapping[str, bool]) -> list[str]:
    """The action on the gallery first, wherever it stood, or the usual one."""
    if arguments[:1] in (["-h"], ["--help"]):
        return arguments
    place = _first_word(arguments, GALLERY_ACTIONS, needs_value)
    if place is None:
        return [USUAL_ACTION, *arguments]
    return [arguments[place], *arguments[:place], *arguments[place + 1 :]]


def _first_word(
    arguments: Sequence[str], commands: Collection[str], needs_value: Mapping[str, bool]
) -> int | None:
    """Place of the first argument that is neither a flag nor the value of one."""
    place = 0
    while place < len(arguments):
        argument = arguments[place]
        if not argument.startswith("-") or argument == "-":
            return place
        following = arguments[place + 1 : place + 2]
        is_free = any(word.startswith("-") or word in commands for word in following)
        has_value = needs_value.get(argument, False) or (argument in needs_value and not is_free)
        place += 2 if has_value else 1
    return None


def _flags_with_value(parser: argparse.ArgumentParser) -> dict[str, bool]:
    """Flags of any command that another argument belongs to: always, or if one is there."""
    return {
        flag: action.nargs != argparse.OPTIONAL
        for command in _all_below(parser)
        for action in command._actions
        for flag in action.option_strings
        if action.nargs != 0
    }


def _all_below(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parsers of all commands, and of their actions."""
    for action in parser._actions:
        for command in action.choices.values() if isinstance(action, _Subparsers) else ():
            yield command
            yield from _all_below(command)


def _parser() -> Parser:
    parser = Parser(
        prog="birdlisten",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_by_purpose(),
    )
    text = "show program's version number and exit"
    parser.add_argument("--version", action=Version, nargs=0, dest=argparse.SUPPRESS, help=text)
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

    for group in (
        add_hearing_commands,
        add_records_commands,
        add_review_commands,
        add_machine_commands,
        add_gallery_command,
    ):
        group(add)
    for name, command in commands.choices.items():
        command.note = partial(_not_here, name, command)
    return parser


class Version(argparse.Action):
    """Flag that tells the version, which is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Print it and exit."""
        from importlib.metadata import version

        print(f"birdlisten {version('birdlisten')}")
        parser.exit()


def _not_here(name: str, command: argparse.ArgumentParser) -> str | None:
    """The flags of hearing that a command has no use for."""
    if name == "service":
        return "All flags but --user are those of `listen`, for install and show."
    if name == "gallery":
        return actions_help()
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
