"""Look at a corpus before training on it.

python -m train.data inspect DATA [--taxon Aves] [--workers N]
python -m train.data inspect DATA DATA [--taxon Aves]
python -m train.data cache DATA [--ray ADDRESS]     (train/data/cache.py)

Prints recordings, hours, species, licences and unreadable files; of two corpora the species that
one has and the other lacks, with the nearest name. DATA is KIND:FOLDER, where KIND is one of
inatsounds, inat21, ssw60, birdclef, xenocanto, birdset, animalspeak, beans, cub, nabirds, audioset,
audiocaps, clotho, esc50, urbansound8k, webdataset, folders; without it FOLDER holds manifest.csv
and taxonomy.csv, or a folder a species. Several are joined by commas.
"""

import sys
from collections.abc import Sequence

from edge.command.parser import Parser
from gallery.command import run
from gallery.data.corpora import open_dataset
from train.data import cache, comparison
from train.data.inspect import COLUMNS, inspect, to_text


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["cache"]:
        return cache.main(words[1:])
    parser = Parser(prog="python -m train.data", description=__doc__)
    parser.add_argument("action", choices=("inspect", "cache"))
    parser.add_argument("data", metavar="DATA")
    parser.add_argument("other", metavar="DATA", nargs="?", help="compare with this one")
    parser.add_argument("--taxon", default="", help="only species of it, such as Aves")
    parser.add_argument("--workers", type=int, help="processes that decode; default: one a core")
    args = parser.parse_args(words)

    def count() -> None:
        rows, unreadable = inspect(open_dataset(args.data, args.taxon), args.workers)
        print(to_text([COLUMNS, *rows]))
        for item in unreadable:
            print(item.reason, file=sys.stderr)

    def compare() -> None:
        opened = (open_dataset(data, args.taxon) for data in (args.data, args.other))
        found = comparison.compare(*opened)
        print(found)
        if found.rows:
            print(to_text([comparison.COLUMNS, *found.rows]))

    return run(compare if args.other else count)


if __name__ == "__main__":
    sys.exit(main())
