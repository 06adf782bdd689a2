"""Make synthetic data: ``python scripts/aviary.py build``, ``video`` or ``chorus --output DIR``."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from train.aviary.cli import main

    sys.exit(main())
