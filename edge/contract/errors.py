"""The one error tree.

* BirdlistenError          anything the user is told in one line
  * AudioError             a recording that can't be used (also a ValueError)
  * BundleError            a bundle that can't be used (also a ValueError)
  * ConfigError            a setting that can't be used (also a ValueError)
  * DatasetError           a data set or checkpoint that can't be used (also a ValueError)
  * PictureError           a picture that can't be used (also a ValueError)
  * DeviceError            a microphone that can't be used (also an OSError)
  * ServiceError           the service can't be installed or asked (also an OSError)
  * StoreError             the station's records can't be read or kept (also a RuntimeError)
  * WebError               a web site that doesn't give what it is asked for (also an OSError)
  * PathError              a name that leads out of its folder (also a ValueError)
  * MissingPackageError    an optional package is not installed (also an ImportError)
"""

import os


def in_words(error: BaseException) -> str:
    """An error of the system in plain words; any other as it speaks for itself."""
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8: byte {error.object[error.start]:#04x} at place {error.start}"
    if isinstance(error, OSError) and error.strerror:
        place = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        return place + error.strerror
    return str(error)


class BirdlistenError(Exception):
    """Base of all errors that end in one clear line: what was found, expected, and what to do."""

    exit_code = 1


class AudioError(BirdlistenError, ValueError):
    """A recording that is unreadable, empty or not audio."""


class BundleError(BirdlistenError, ValueError):
    """A bundle that is incomplete, damaged or of another format."""


class ConfigError(BirdlistenError, ValueError):
    """A setting with an unknown name or an impossible value."""

    exit_code = 2


class DatasetError(BirdlistenError, ValueError):
    """A data set or checkpoint that is missing, incomplete or of another shape."""


class PictureError(BirdlistenError, ValueError):
    """A picture that is unreadable, of another format or absurdly large."""


class DeviceError(BirdlistenError, OSError):
    """A capture device that is absent or refuses to open."""


class StoreError(BirdlistenError, RuntimeError):
    """The station's records can't be read or kept."""


class WebError(BirdlistenError, OSError):
    """A web site that doesn't give what it is asked for; asked later, it may."""


class ServiceError(BirdlistenError, OSError):
    """The service can't be installed or asked."""


class PathError(BirdlistenError, ValueError):
    """A name, or a link, that leads out of the folder it is meant for."""


class MissingPackageError(BirdlistenError, ImportError):
    """An optional package is missing; the message holds the pip command."""
