"""`python -m edge` is `birdlisten`."""

import sys

if not getattr(sys.flags, "safe_path", sys.flags.isolated):
    del sys.path[0]  # the current folder may be anybody's: its queue.py is not ours

from edge.cli import main

sys.exit(main())
