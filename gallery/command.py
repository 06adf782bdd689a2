"""Runner of the workshop's commands: an error is one clear line, never a traceback."""

import logging
import sys
import warnings
from collections.abc import Callable

from edge.contract.errors import BirdlistenError, MissingPackageError

_INSTALL = "the workshop needs: pip install -e '.[cpu,train]'"

_FULL = "OutOfMemoryError"
"""torch's, which is not imported for its name."""


def run(command: Callable[[], None]) -> int:
    """Run a command; 0 ok, 1 failure, 2 usage, 130 interrupted. Talk goes to stderr."""
    # open_clip and its like talk on the root logger: only our own talk passes below a warning.
    logging.basicConfig(stream=sys.stderr, format="%(message)s", level=logging.WARNING)
    for package in ("edge", "gallery", "train", "export"):
        logging.getLogger(package).setLevel(logging.INFO)
    warnings.filterwarnings("ignore", module=r"(torch|open_clip|timm|transformers)\b.*")
    try:
        command()
    except BirdlistenError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        print(f"{error.name} is not installed; {_INSTALL}", file=sys.stderr)
        return MissingPackageError.exit_code
    except OSError as error:
        print(f"{error}"[:300], file=sys.stderr)
        return 1
    except RuntimeError as error:
        if type(error).__name__ != _FULL:
            raise
        line = str(error).splitlines()[0][:200]
        print(
            f"out of memory; try fewer windows at a time, or device=cpu ({line})", file=sys.stderr
        )
        return 1
    except KeyboardInterrupt:
        return 130
    return 0
