"""`birdlisten` as a process of its own: `python -m edge`, and the script that pip installs."""

import os
import sys


def main() -> int:
    """Run the command line; its exit code."""
    from edge.system.process import ONE_THREAD

    for name, count in ONE_THREAD.items():
        os.environ.setdefault(name, count)
    from edge.cli import main as command  # imports numpy, which looks at these

    return command()


if __name__ == "__main__":
    if not getattr(sys.flags, "safe_path", sys.flags.isolated):
        del sys.path[0]  # the current folder may be anybody's: its queue.py is not ours
    sys.exit(main())
