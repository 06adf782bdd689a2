"""A bundle of the Hugging Face hub, fetched once into the user's data folder.

It is gathered beside its place, each file held against the manifest's hash, and loaded as a
listener does; only then it moves. `hf:OWNER/NAME` asks nobody once that is done; with
`@REVISION`, which lies in a folder of its own, the hub is asked for it at each start, and not
answering is no reason not to listen.
"""

import fcntl
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from edge.contract.atomic import write_atomic
from edge.contract.bundle import load_bundle
from edge.contract.editing import PICTURES, editing
from edge.contract.errors import BundleError, ConfigError
from edge.contract.manifest import FILE_NAME, FileEntry, load_manifest
from edge.contract.paths import inside
from edge.contract.roles import check_files
from edge.system.bundles import ORIGIN
from edge.system.folders import data_folder
from edge.system.hub import HubCommit, HubName, look_up, progress, quiet_files, read_name

_LOG = logging.getLogger(__name__)
_PLACES = ("bundle/", "")
"""Of a bundle in a repository: as `python -m export.hub` lays it, or it alone."""
_AT_ONCE = 8
_MOST_LETTERS = 100
"""Of a revision in a folder's name."""
_SPARE_BYTES = 50_000_000
"""Of the disk, left to others."""


@lru_cache
def fetched(text: str) -> Path:
    """The folder of `hf:OWNER/NAME[@REVISION]`, fetched if it isn't there.

    Raises:
        BirdlistenError: it is no such name, the hub doesn't have it or doesn't answer, or what it
            has is no whole bundle; then nothing has changed here.
    """
    name = read_name(text)
    folder = _folder(name)
    if name.revision is None and _is_ours(folder, name) and _is_whole(folder):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder.with_name(f".{folder.name}.lock")):
        return _updated(name, folder)


def installed(text: str) -> Path | None:
    """The folder of `hf:OWNER/NAME[@REVISION]` if it was fetched before; the hub isn't asked.

    Raises:
        BirdlistenError: it is no such name.
    """
    name = read_name(text)
    folder = _folder(name)
    return folder if _is_ours(folder, name) and _is_whole(folder) else None


def _updated(name: HubName, folder: Path) -> Path:
    if folder.exists() and not _is_ours(folder, name):
        raise ConfigError(
            f"{folder}: holds another bundle than {name}; listen with it (--bundle {folder.name}), "
            "or move it away"
        )
    source, whole = _source(folder), _is_whole(folder)
    try:
        commit = look_up(name)
    except BundleError as error:
        if not whole or source.get("revision") != name.revision:
            raise
        _LOG.warning("%s; it stays as it was fetched", error)
        return folder
    if not whole or source.get("commit") != commit.commit:
        _LOG.info("fetching %s (%.12s) ...", name, commit.commit)
        staging = folder.with_name(f".{folder.name}.part")
        _install(_stage(commit, staging, folder), folder)
    _write_origin(folder, commit)
    return folder


def _stage(commit: HubCommit, staging: Path, folder: Path) -> Path:
    """Gather a whole bundle; what a broken-off try has left, or the former bundle, is used."""
    place = next((place for place in _PLACES if f"{place}{FILE_NAME}" in commit.files), None)
    if place is None:
        raise BundleError(f"{commit.name}: no bundle there ({FILE_NAME} is missing)")
    staging.mkdir(parents=True, exist_ok=True)
    if _source(staging).get("commit") != commit.commit:  # their names say nothing of their content
        shutil.rmtree(staging / PICTURES, ignore_errors=True)
    _write_origin(staging, commit)
    for rest in staging.glob(f"{FILE_NAME}*"):
        rest.unlink()
    commit.fetch(f"{place}{FILE_NAME}", staging / FILE_NAME)
    entries = _entries(load_manifest(staging).roles)
    _tidy(staging, {entry.file for entry in entries})
    missing = [entry for entry in entries if not _reused(entry, staging, folder)]
    _check_room(commit.name, staging, missing)
    for entry in missing:
        commit.fetch(f"{place}{entry.file}", staging / entry.file, entry.bytes)
        _check_hash(commit.name, staging / entry.file, entry)
    _fetch_pictures(commit, f"{place}{PICTURES}/", staging, folder)
    return staging


def _install(staging: Path, folder: Path) -> None:
    """Move a gathered bundle to its place: at once, or over a former one, the manifest last."""
    if not folder.exists():
        staging.rename(folder)
        return
    with editing(folder):
        _replace(staging, folder)
    shutil.rmtree(staging)


def _replace(staging: Path, folder: Path) -> None:
    former = {entry.file for entry in _entries(_roles(folder))}
    now = {entry.file for entry in _entries(_roles(staging))}
    pictures = _pictures_in(staging)
    stale = set() if _has_table_of(staging, folder) else _pictures_in(folder) - pictures
    (folder / PICTURES).mkdir(exist_ok=True)
    for picture in pictures:
        (staging / PICTURES / picture).replace(folder / PICTURES / picture)
    for file in (*sorted(now), FILE_NAME):
        (staging / file).replace(folder / file)
    for file in (*(former - now), *(f"{PICTURES}/{picture}" for picture in stale)):
        (folder / file).unlink(missing_ok=True)


def _fetch_pictures(commit: HubCommit, place: str, staging: Path, folder: Path) -> None:
    """Load what was gathered, and fetch the thumbnails that it names and the repository has.

    Raises:
        BundleError: a listener couldn't load it.
    """
    named = {row.picture for row in load_bundle(staging).gallery.table if row.picture}
    here = _pictures_in(staging)
    if _has_table_of(staging, folder):
        here |= _pictures_in(folder)
    missing = sorted(name for name in named - here if f"{place}{name}" in commit.files)
    if not missing:
        return
    (staging / PICTURES).mkdir(exist_ok=True)

    def fetch(name: str) -> None:
        commit.fetch(f"{place}{name}", staging / PICTURES / name)

    with quiet_files(), progress(PICTURES, len(missing)) as bar:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for _ in pool.map(fetch, missing):
                bar.update()


def _entries(roles: Mapping[str, FileEntry]) -> list[FileEntry]:
    """Files that a manifest names, each once."""
    return list({entry.file: entry for entry in roles.values()}.values())


def _roles(folder: Path) -> Mapping[str, FileEntry]:
    """Those of a bundle; none of one that isn't there, or whose manifest is damaged."""
    try:
        return load_manifest(folder).roles
    except BundleError:
        return {}


def _has_table_of(staging: Path, folder: Path) -> bool:
    """True if both have one gallery: a picture's name stands for the same in both."""
    return _roles(staging).get("gallery.table") == _roles(folder).get("gallery.table")


def _pictures_in(folder: Path) -> set[str]:
    return {file.name for file in (folder / PICTURES).glob("*")}


def _tidy(staging: Path, files: set[str]) -> None:
    """Remove what belongs to another state of the repository."""
    kept = {FILE_NAME, ORIGIN, PICTURES, *files, *(f"{file}.part" for file in files)}
    for rest in staging.iterdir():
        if rest.name not in kept and rest.is_file():
            rest.unlink()


def _reused(entry: FileEntry, staging: Path, folder: Path) -> bool:
    """True for a file that is there by its hash, or is now, linked from the former bundle."""
    file, former = staging / entry.file, folder / entry.file
    if file.is_file() and _sha256(file) == entry.sha256:
        return True
    file.unlink(missing_ok=True)
    if not former.is_file() or former.is_symlink() or _sha256(former) != entry.sha256:
        return False
    _link(former, file)
    return True


def _link(former: Path, file: Path) -> None:
    try:
        os.link(former, file)
    except OSError:  # a file system without hard links, as on many a card
        shutil.copyfile(former, file)


def _check_room(name: HubName, staging: Path, missing: Iterable[FileEntry]) -> None:
    parts = [staging / f"{entry.file}.part" for entry in missing]
    begun = sum(part.stat().st_size for part in parts if part.exists())
    needed = sum(entry.bytes for entry in missing) - begun
    free = shutil.disk_usage(staging).free
    if needed + _SPARE_BYTES > free:
        raise BundleError(
            f"{name}: needs {needed / 1e6:.0f} MB, {staging.parent} has {free / 1e6:.0f} free; "
            "make room, or set XDG_DATA_HOME"
        )


def _check_hash(name: HubName, file: Path, entry: FileEntry) -> None:
    found = _sha256(file)
    if found != entry.sha256:
        file.unlink()
        raise BundleError(
            f"{name}: {entry.file} has sha256 {found:.12}, its manifest says {entry.sha256:.12}; "
            "nothing is installed: fetch it again, or tell its owner"
        )


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _is_whole(folder: Path) -> bool:
    try:
        check_files(folder, load_manifest(folder))
    except BundleError:
        return False
    return True


def _is_ours(folder: Path, name: HubName) -> bool:
    return bool(_source(folder).get("repo") == name.repo)


def _folder(name: HubName) -> Path:
    """A revision has a folder of its own: two listeners may want two."""
    folder = inside(data_folder() / "bundles", name.name)
    if name.revision is None:
        return folder
    return folder.with_name(f"{name.name}@{quote(name.revision, safe='')[:_MOST_LETTERS]}")


def _write_origin(folder: Path, commit: HubCommit) -> None:
    name = commit.name
    written = {"repo": name.repo, "revision": name.revision, "commit": commit.commit}
    write_atomic(folder / ORIGIN, f"{json.dumps(written)}\n".encode())


def _source(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / ORIGIN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """One process fetches; another waits, and then finds it done."""
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
