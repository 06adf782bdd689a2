"""Repositories of the Hugging Face hub: which commit, which files, and fetching one.

The sole user of huggingface_hub, which takes its address (HF_ENDPOINT), token and offline mode
(HF_HUB_OFFLINE) from the environment.
"""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.contract.errors import (
    BirdlistenError,
    BundleError,
    ConfigError,
    MissingPackageError,
    in_words,
)
from edge.contract.paths import is_plain_name
from edge.system.bundles import HUB

_NAME = re.compile(rf"{HUB}([^/@]+)/([^/@]+)(?:@(\S+))?")
_ANSWER_S = 15.0
_CHATTY = ("httpx", "httpx2")
"""Loggers of the HTTP clients below the library: a line a request."""
_BARS = "huggingface_hub.http_get"
"""The library's name for its progress bars, one a file."""


@dataclass(frozen=True)
class HubName:
    """A repository, and a revision of it."""

    owner: str
    name: str
    revision: str | None
    """Branch, tag or commit; None: the newest."""

    @property
    def repo(self) -> str:
        """As the hub has it."""
        return f"{self.owner}/{self.name}"

    def __str__(self) -> str:
        return f"{HUB}{self.repo}" + (f"@{self.revision}" if self.revision else "")


def read_name(text: str) -> HubName:
    """Read `hf:OWNER/NAME[@REVISION]`.

    Raises:
        ConfigError: it is no such name.
    """
    found = _NAME.fullmatch(text)
    if not found or not all(map(is_plain_name, found.groups()[:2])):
        raise ConfigError(f"bundle: {text!r}, expected hf:OWNER/NAME or hf:OWNER/NAME@REVISION")
    return HubName(*found.groups())


@dataclass(frozen=True)
class HubCommit:
    """State of a repository; what is fetched of it belongs together."""

    name: HubName
    commit: str
    files: frozenset[str]
    """Paths."""

    def fetch(self, file: str, path: Path, size: int | None = None) -> None:
        """Fetch a file, or go on where it was broken off.

        Args:
            file: its path in the repository.
            path: to be written, once it is whole; what there is of it lies beside as `.part`.
            size: bytes; None takes what the hub says.

        Raises:
            BundleError: the hub doesn't answer, or sends something of another size.
        """
        part = path.with_name(f"{path.name}.part")
        began = part.stat().st_size if part.exists() else 0
        if size is not None and began > size:
            part.unlink()
        try:
            with _asking(self.name):
                self._append(file, part, size)
        except BundleError:
            # Without any progress there is nothing to go on with: the rest may be another file's.
            if part.exists() and part.stat().st_size <= began:
                part.unlink()
            raise
        part.replace(path)

    def _append(self, file: str, part: Path, size: int | None) -> None:
        from huggingface_hub import hf_hub_url
        from huggingface_hub.file_download import http_get

        url = hf_hub_url(self.name.repo, file, revision=self.commit)
        with part.open("ab") as target:
            http_get(
                url,
                target,
                resume_size=target.tell(),
                headers=_utils().build_hf_headers(),
                expected_size=size,
                displayed_filename=Path(file).name,
            )
            target.flush()
            os.fsync(target.fileno())


def look_up(name: HubName) -> HubCommit:
    """Ask the hub for a revision's commit and files.

    Raises:
        BundleError: there is no such repository or revision, or the hub doesn't answer.
        MissingPackageError: huggingface_hub isn't installed.
    """
    with _asking(name):
        from huggingface_hub import HfApi

        info = HfApi().model_info(name.repo, revision=name.revision, timeout=_ANSWER_S)
        files = frozenset(file.rfilename for file in info.siblings or ())
        return HubCommit(name, str(info.sha), files)


@contextmanager
def quiet_files() -> Iterator[None]:
    """Without a progress bar a file: for many small ones."""
    _utils().disable_progress_bars(_BARS)
    try:
        yield
    finally:
        _utils().enable_progress_bars(_BARS)


def progress(title: str, total: int) -> Any:
    """A progress bar on a terminal, as the library's own."""
    return _utils().tqdm(total=total, desc=title, disable=None)


def _utils() -> Any:
    from huggingface_hub import utils

    return utils


@contextmanager
def _asking(name: HubName) -> Iterator[None]:
    """Tell in one line what the library, or the HTTP client below it, raises."""
    for client in _CHATTY:
        logging.getLogger(client).setLevel(logging.WARNING)
    try:
        yield
    except BirdlistenError:
        raise
    except ImportError as error:
        raise MissingPackageError(
            f"{name}: bundles of the hub need huggingface_hub: pip install 'birdlisten[hub]'"
        ) from error
    except Exception as error:  # of any client: requests once, httpx today
        raise BundleError(f"{name}: {_said(error)}") from error


def _said(error: Exception) -> str:
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return "its owner must let you in: ask on its page, then `hf auth login`"
    if isinstance(error, errors.RevisionNotFoundError):
        return "the repository has no such revision; leave it out for the newest"
    if isinstance(error, errors.RepositoryNotFoundError):
        return "no such repository on the hub, or a private one (`hf auth login`)"
    if isinstance(error, errors.OfflineModeIsEnabled):
        return "not fetched yet, and the hub is switched off (HF_HUB_OFFLINE)"
    reason = (in_words(error).strip() or type(error).__name__).splitlines()[0][:200]
    return f"can't be fetched ({reason}); the same command goes on where it stopped"
