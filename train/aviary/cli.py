"""Command line of the aviary: ``build``, ``video``, ``chorus`` and ``soundscape``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge.command.parser import Parser
from edge.contract.errors import BirdlistenError
from train.aviary import chorus, soundscape
from train.aviary.dataset import AviaryConfig, build
from train.aviary.species import SPECIES_IDS
from train.aviary.video import VideoConfig, build_videos

_DEFAULT = AviaryConfig()
_FILMED = VideoConfig()


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number from 0, got {text!r}")
    return int(text)


def _species_count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= len(SPECIES_IDS):
        raise argparse.ArgumentTypeError(f"must be 1 to {len(SPECIES_IDS)}, got {text!r}")
    return int(text)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser(prog="aviary.py", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, parser_class=Parser)
    data = commands.add_parser("build", help="write a synthetic data set")
    data.add_argument("--output", type=Path, default=Path("data/aviary"), help="folder to write")
    data.add_argument("--seed", type=_seed, default=_DEFAULT.seed)
    data.add_argument("--species", type=_species_count, default=len(SPECIES_IDS), metavar="N",
                      help="the first N of the 24 species")  # fmt: skip
    for name, text in (
        ("individuals", "singers a species"),
        ("recordings", "recordings a singer"),
        ("pictures", "pictures a species"),
        ("backgrounds", "clips a background class"),
    ):
        help_text = f"{text} (default: {getattr(_DEFAULT, name)})"
        data.add_argument(f"--{name}", type=int, default=getattr(_DEFAULT, name), help=help_text)
    _add_video(commands)
    dawn = commands.add_parser("chorus", help="write a two-minute dawn chorus and its truth")
    dawn.add_argument("--output", type=Path, required=True, help="folder to write")
    dawn.add_argument("--seed", type=_seed, default=_DEFAULT.seed)
    wide = commands.add_parser("soundscape", help="write ten minutes of birds at known times")
    wide.add_argument("--output", type=Path, required=True, help="folder to write")
    wide.add_argument("--seed", type=_seed, default=_DEFAULT.seed)
    return parser.parse_args(argv)


def _add_video(commands: Any) -> None:
    clips = commands.add_parser("video", help="write video clips with their truth (needs PyAV)")
    clips.add_argument("--output", type=Path, default=Path("data/aviary-video"), help="folder")
    clips.add_argument("--seed", type=_seed, default=_FILMED.seed)
    clips.add_argument("--species", type=_species_count, default=len(SPECIES_IDS), metavar="N",
                       help="the first N of the 24 species")  # fmt: skip
    for name, text in (("clips", "clips a species"), ("stills", "photographs a species")):
        help_text = f"{text} (default: {getattr(_FILMED, name)})"
        clips.add_argument(f"--{name}", type=int, default=getattr(_FILMED, name), help=help_text)
    clips.add_argument("--split", default="", choices=("train", "validation", "test"),
                       help="put all into it; default: split by individual")  # fmt: skip


def _video_config(args: argparse.Namespace) -> VideoConfig:
    return VideoConfig(
        seed=args.seed,
        species=SPECIES_IDS[: args.species],
        clips=args.clips,
        stills=args.stills,
        split=args.split,
    )


def _config(args: argparse.Namespace) -> AviaryConfig:
    return AviaryConfig(
        seed=args.seed,
        species=SPECIES_IDS[: args.species],
        individuals=args.individuals,
        recordings=args.recordings,
        pictures=args.pictures,
        backgrounds=args.backgrounds,
    )


def run(args: argparse.Namespace) -> Path:
    """Do what the command line asks; return the main file written."""
    if args.command == "chorus":
        return chorus.write(chorus.compose(args.seed), args.output)
    if args.command == "video":
        return build_videos(_video_config(args), args.output)
    if args.command == "soundscape":
        return soundscape.write(soundscape.compose(args.seed), args.output)
    return build(_config(args), args.output)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    args = parse_args(argv)
    try:
        print(run(args))
    except BirdlistenError as error:
        print(f"aviary.py: {error}", file=sys.stderr)
        return error.exit_code
    except ValueError as error:
        print(f"aviary.py: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"aviary.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0
