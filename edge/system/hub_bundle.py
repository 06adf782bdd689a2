"""A bundle of the Hugging Face hub, fetched once into the user's data folder.

It is gathered beside its place, each file held against the manifest's hash, and loaded as a
listener does; only then it moves. `hf:OWNER/NAME` asks nobody once that is done; with
`@REVISION` the hub is asked for it at each start, and not answering is no reason not to listen.
"""

import fcntl
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from edge.contract.bundle import load_bundle, write_atomic
from edge.contract.errors import BundleError, ConfigError
from edge.contract.manifest import FILE_NAME, FileEntry, Manifest, load_manifest
from edge.contract.paths import inside
from edge.contract.roles import check_files
from edge.system.folders import data_folder
from edge.system.hub import HubCommit, HubName, look_up, progress, quiet_files, read_name

_LOG = logging.getLogger(__name__)
_SOURCE = "hub.json"
"""In a fetched bundle: where it is from."""
_PLACES = ("bundle/", "")
"""Of a bundle in a repository: as `python -m export.hub` lays it, or it alone."""
_PICTURES = "pictures"
_AT_ONCE = 8
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
    bundles = data_folder() / "bundles"
    folder = inside(bundles, name.name)
    if name.revision is None and _is_ours(folder, name) and _is_whole(folder):
        return folder
    bundles.mkdir(parents=True, exist_ok=True)
    with _alone(bundles / f".{name.name}.lock"):
        return _updated(name, folder)


def _updated(name: HubName, folder: Path) -> Path:
    if folder.exists() and not _is_ours(folder, name):
        raise ConfigError(
            f"{folder}: holds another bundle than {name}; listen with it (--bundle {name.name}), "
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
    written = {"repo": name.repo, "revision": name.revision, "commit": commit.commit}
    write_atomic(folder / _SOURCE, f"{json.dumps(written)}\n".encode())
    return folder


def _stage(commit: HubCommit, staging: Path, folder: Path) -> Path:
    """Gather a whole bundle; what a broken-off try has left, or the former bundle, is used."""
    place = next((place for place in _PLACES if f"{place}{FILE_NAME}" in commit.files), None)
    if place is None:
        raise BundleError(f"{commit.name}: no bundle there ({FILE_NAME} is missing)")
    staging.mkdir(parents=True, exist_ok=True)
    for rest in staging.glob(f"{FILE_NAME}*"):
        rest.unlink()
    commit.fetch(f"{place}{FILE_NAME}", staging / FILE_NAME)
    entries = _entries(load_manifest(staging))
    _tidy(staging, {entry.file for entry in entries})
    missing = [entry for entry in entries if not _reused(entry, staging, folder)]
    _check_room(commit.name, staging, missing)
    for entry in missing:
        commit.fetch(f"{place}{entry.file}", staging / entry.file, entry.bytes)
        _check_hash(commit.name, staging / entry.file, entry)
    _fetch_pictures(commit, f"{place}{_PICTURES}/", staging, folder)
    source = {"repo": commit.name.repo, "revision": commit.name.revision, "commit": None}
    write_atomic(staging / _SOURCE, json.dumps(source).encode())
    return staging


def _install(staging: Path, folder: Path) -> None:
    """Move a gathered bundle to its place: at once, or over a former one, the manifest last."""
    if not folder.exists():
        staging.rename(folder)
        return
    former = {entry.file for entry in _entries_of(folder)}
    now = {entry.file for entry in _entries_of(staging)}
    (folder / _PICTURES).mkdir(exist_ok=True)
    for picture in (staging / _PICTURES).glob("*"):
        picture.replace(folder / _PICTURES / picture.name)
    for file in (*sorted(now), FILE_NAME):
        (staging / file).replace(folder / file)
    for file in former - now:
        (folder / file).unlink(missing_ok=True)
    shutil.rmtree(staging)


def _fetch_pictures(commit: HubCommit, place: str, staging: Path, folder: Path) -> None:
    """Load what was gathered, and fetch the thumbnails that it names and the repository has.

    Raises:
        BundleError: a listener couldn't load it.
    """
    named = {row.picture for row in load_bundle(staging).gallery.table if row.picture}
    here = {file.name for where in (staging, folder) for file in (where / _PICTURES).glob("*")}
    missing = sorted(name for name in named - here if f"{place}{name}" in commit.files)
    if not missing:
        return
    (staging / _PICTURES).mkdir(exist_ok=True)

    def fetch(name: str) -> None:
        commit.fetch(f"{place}{name}", staging / _PICTURES / name)

    with quiet_files(), progress(_PICTURES, len(missing)) as bar:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for _ in pool.map(fetch, missing):
                bar.update()


def _entries(manifest: Manifest) -> list[FileEntry]:
    """Files that a manifest names, each once."""
    return list({entry.file: entry for entry in manifest.roles.values()}.values())


def _entries_of(folder: Path) -> list[FileEntry]:
    return _entries(load_manifest(folder)) if (folder / FILE_NAME).is_file() else []


def _tidy(staging: Path, files: set[str]) -> None:
    """Remove what belongs to another state of the repository."""
    kept = {FILE_NAME, _PICTURES, *files, *(f"{file}.part" for file in files)}
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


def _source(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / _SOURCE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """One process fetches; another waits, and then finds it done."""
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
