"""Look at a corpus before training on it.

python -m train.data inspect [KIND:]FOLDER [--workers N]
python -m train.data cache [KIND:]FOLDER [--ray ADDRESS]     (train/data/cache.py)

Prints recordings, hours, species, licences and unreadable files. KIND is one of inatsounds,
inat21, ssw60, birdclef, xenocanto, birdset, animalspeak, cub, audioset, audiocaps, clotho, esc50,
urbansound8k; without it FOLDER holds manifest.csv and taxonomy.csv.
"""

import sys
from collections.abc import Sequence

from edge.command.parser import Parser
from gallery.command import run
from gallery.data.corpora import open_dataset
from train.data import cache
from train.data.inspect import inspect, to_text


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["cache"]:
        return cache.main(words[1:])
    parser = Parser(prog="python -m train.data", description=__doc__)
    parser.add_argument("action", choices=("inspect", "cache"))
    parser.add_argument("data", metavar="[KIND:]FOLDER")
    parser.add_argument("--workers", type=int, help="processes that decode; default: one a core")
    args = parser.parse_args(words)

    def command() -> None:
        rows, unreadable = inspect(open_dataset(args.data), args.workers)
        print(to_text(rows))
        for item in unreadable:
            print(item.reason, file=sys.stderr)

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
