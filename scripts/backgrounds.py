"""Make recordings without a bird: ``python scripts/backgrounds.py --output DIR``."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from train.noise.build import main

    sys.exit(main())
