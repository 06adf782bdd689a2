"""Files of root's that a service needs: written anew, taken away, put back."""

import os
from pathlib import Path

from edge.contract.errors import ServiceError


def content(file: Path) -> bytes | None:
    """Content of a file; None if there is none to be read."""
    try:
        return file.read_bytes()
    except OSError:
        return None


def restore(file: Path, before: bytes | None, mode: int) -> None:
    """Put back what was there before; None takes the file away."""
    if before is None:
        remove(file)
    else:
        write(file, before, mode)


def write(file: Path, text: bytes, mode: int) -> None:
    """Write a file anew, which nobody else can read in the meantime either.

    Raises:
        ServiceError: it may not be written.
    """
    remove(file)
    try:
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(opened, "wb") as stream:
            stream.write(text)
        file.chmod(mode)  # whatever the umask
    except OSError as error:
        raise _unwritable(file, error) from error


def remove(file: Path) -> None:
    """Take a file away, if there is one.

    Raises:
        ServiceError: it may not be removed.
    """
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(file, error) from error


def _unwritable(file: Path, error: OSError) -> ServiceError:
    return ServiceError(f"{file}: {error.strerror}; run it with sudo")
