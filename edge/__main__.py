"""`python -m edge` is `birdlisten`."""

import sys

from edge.cli import main

sys.exit(main())
