"""Make a bundle of a ready classifier of species: `python -m export.ear`."""

import sys

from export.ear.command import main

if __name__ == "__main__":
    sys.exit(main())
