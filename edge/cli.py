"""The command line: `birdlisten --device 0`."""

import argparse
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from types import FrameType

from edge.command.stop import Terminated
from edge.config import CHOICES, Settings, resolve
from edge.contract.errors import BirdlistenError, ConfigError
from edge.usage import Parser, positive, positive_number, positives

_NOT_SETTINGS = ("command", "config", "files", "top", "trials", "id", "undo", "name", "minutes")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit code is 0 ok, 1 failure, 2 usage, 130 interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = _parse(arguments)
    signal.signal(signal.SIGTERM, _terminate)
    try:
        settings = _settings(args)
        _talk(settings)
        return COMMANDS[args.command](args, settings)
    except BirdlistenError as error:
        print(f"birdlisten: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # The reader of stdout has gone (`birdlisten | head`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"birdlisten: {error}"[:300], file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except Terminated:
        return 0


def _listen(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.listen import listen

    return listen(settings, lambda: _settings(args))


def _identify(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.identify import identify, to_json, to_text
    from edge.command.opening import open_hearing

    hearing = open_hearing(settings)
    failed = 0
    for file in args.files:
        record = identify(file, hearing, args.top)
        print(to_json(record) if settings.json else to_text(record), flush=True)
        if "error" in record:
            failed += 1
            print(f"birdlisten: {record['error']}", file=sys.stderr)
    return 1 if failed else 0


def _devices(args: argparse.Namespace, settings: Settings) -> int:
    from edge.source.microphone import as_json, describe_devices, input_devices

    devices = input_devices(settings.backend)
    print(as_json(devices) if settings.json else describe_devices(settings.backend))
    return 0 if devices else 1


def _why(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.why import why

    return why(args.id, settings)


def _confirm(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.review import confirm, take_back

    return take_back(args.id, settings) if args.undo else confirm(args.id, settings, args.name)


def _reject(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.review import reject, take_back

    return take_back(args.id, settings) if args.undo else reject(args.id, settings)


def _learn_background(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.learn import learn_background

    return learn_background(settings, args.minutes)


def _bench(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.bench import bench

    return bench(settings, args.trials)


def _demo(args: argparse.Namespace, settings: Settings) -> int:
    from edge.command.demo import demo

    return demo(settings)


COMMANDS: dict[str, Callable[[argparse.Namespace, Settings], int]] = {
    "listen": _listen,
    "identify": _identify,
    "devices": _devices,
    "demo": _demo,
    "bench": _bench,
    "why": _why,
    "confirm": _confirm,
    "reject": _reject,
    "learn-background": _learn_background,
}


def _parse(arguments: list[str]) -> argparse.Namespace:
    asks_main = arguments[:1] in (["-h"], ["--help"], ["--version"])
    if not asks_main and not (arguments and arguments[0] in COMMANDS):
        misnamed = arguments and not arguments[0].startswith("-")
        arguments = arguments if misnamed else ["listen", *arguments]
    return _parser().parse_args(arguments)


def _parser() -> Parser:
    parser = Parser(
        prog="birdlisten",
        description="A field recorder hears a bird and shows its picture.",
        epilog="`listen` is the default command: birdlisten --device 0",
    )
    parser.add_argument(
        "--version", action="version", version=f"birdlisten {version('birdlisten')}"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    common = _common_flags()

    def add(name: str, help_: str) -> Parser:
        return commands.add_parser(
            name,
            help=help_,
            description=help_,
            parents=[common],
            argument_default=argparse.SUPPRESS,
        )

    hearing = add("listen", "listen to a microphone, a file, a folder, a stream or stdin")
    _add_source_flags(hearing)
    hearing.add_argument("--explain", action="store_true", help="what speaks for every record")
    _add_live_flags(hearing)
    files = add("identify", "the best species of each recording, without a threshold")
    files.add_argument("files", nargs="+", type=Path, metavar="FILE")
    files.add_argument("--top", type=positive, default=5, help="species a file (default 5)")
    add("devices", "list the input devices")
    demo = add("demo", "hear the bundle's recorded dawn chorus")
    for one in (hearing, files, demo):
        one.add_argument("--threads", metavar="N", help="of the encoder; 0 takes one a core")
    why = add("why", "what speaks for a record of this station, or why it was not reported")
    why.add_argument(
        "id", nargs="?", default=None, help="or a part of it; without one the last are listed"
    )
    _add_review_flags(add)
    site = add("learn-background", "learn what this site sounds like when no bird sings")
    _add_source_flags(site)
    site.add_argument("--minutes", type=positive_number, default=10.0, help="default 10")
    trials = add("bench", "measure every precision here, and keep the best for `precision: auto`")
    trials.add_argument(
        "--threads",
        dest="trials",
        type=positives,
        default=[1, 2],
        metavar="N,...",
        help="how many to try (default 1,2)",
    )
    return parser


def _add_review_flags(add: Callable[[str, str], Parser]) -> None:
    yes = add("confirm", "a record was right: its sound becomes an exemplar of the species")
    no = add("reject", "a record was wrong: its sound becomes background")
    yes.add_argument("--as", dest="name", metavar="SPECIES", help="it was another one")
    yes.set_defaults(name=None)
    for one in (yes, no):
        one.add_argument("id", help="or a part of it; `birdlisten why` lists the last ones")
        one.add_argument("--undo", action="store_true", default=False, help="take it back")


def _add_source_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--device", metavar="ID", help="index of an input device, or a part of its name")
    add("--backend", choices=CHOICES["backend"], help="what captures (default auto)")
    add("--wait", action="store_true", help="wait for a device that isn't there yet")
    add("--input", metavar="PATH", help="a file, a folder, a URL (ffmpeg), or - for raw PCM")
    add("--rate", metavar="HZ", help="rate of the 16-bit mono PCM on stdin (default 48000)")


def _add_live_flags(parser: argparse.ArgumentParser) -> None:
    add, off_or_on = parser.add_argument, argparse.BooleanOptionalAction
    add("--quiet-hours", metavar="A..B", help="rest then: 22:00..04:30, sunset+60..sunrise-45")
    add("--duty", metavar="M/N", help="listen M of every N minutes")
    add("--max-cpu", metavar="PERCENT", help="of one core; windows are taken further apart")
    add("--clips", action=off_or_on, help="keep the sound of what a live source detects")
    add("--voices", choices=CHOICES["voices"], help="clips with speech (default: withhold)")
    add("--clip-format", choices=CHOICES["clip_format"], help="default flac")


def _common_flags() -> Parser:
    parser = Parser(add_help=False, argument_default=argparse.SUPPRESS)
    add = parser.add_argument
    add("--bundle", metavar="DIR", help="what to listen with (default: the packaged one)")
    add("--species", metavar="SET|FILE", help="a species set of the bundle, or a file of names")
    add("--include", metavar="NAMES", help="species, genera, families or orders; or a file")
    add("--exclude", metavar="NAMES", help="those to ignore, likewise")
    add("--station", metavar="DIR", help="the station's folder (holds config.yaml)")
    add("--config", type=Path, default=None, metavar="FILE", help="YAML settings")
    add("--provider", choices=CHOICES["provider"], help="what to compute on (default auto)")
    add("--precision", choices=CHOICES["precision"], help="which encoder (default auto)")
    add("--threshold", metavar="P", help="confidence a species must reach, 0 to 1")
    add("--caution", metavar="0-5", help="how many windows must agree (default 2)")
    add("--overrides", metavar="CSV", help="name,caution,threshold of some species")
    add("--occurrence", metavar="CSV", help="how often species are met, by parts of the year")
    add("--latitude", metavar="DEG", help="of the station, where the table holds several places")
    add("--longitude", metavar="DEG", help="likewise")
    add("--hop", metavar="S", help="seconds between two windows")
    add("--json", action="store_true", help="one JSON object a line on stdout")
    add("--quiet", action="store_true", help="errors only")
    add("--verbose", action="store_true", help="the debug log too")
    return parser


def _settings(args: argparse.Namespace) -> Settings:
    flags = {name: value for name, value in vars(args).items() if name not in _NOT_SETTINGS}
    if "device" in flags and "input" in flags:
        raise ConfigError("--device and --input exclude each other")
    return resolve(flags, os.environ, args.config)


def _talk(settings: Settings) -> None:
    level = logging.ERROR if settings.quiet else logging.INFO
    logging.basicConfig(
        stream=sys.stderr,
        format="birdlisten: %(message)s",
        level=logging.DEBUG if settings.verbose else level,
        force=True,
    )


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


if __name__ == "__main__":
    sys.exit(main())
