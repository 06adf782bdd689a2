"""Place of an edited gallery: the bundle itself, or a copy where that is not to be written to."""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from edge.config import PACKAGED_BUNDLE, Settings
from edge.contract.bundle import Bundle, load_bundle, write_bundle
from edge.contract.editing import PICTURES, editing
from edge.contract.errors import ConfigError
from edge.contract.manifest import FILE_NAME, load_manifest
from edge.system.bundles import ORIGIN
from edge.system.folders import data_folder

_LOG = logging.getLogger(__name__)


@contextmanager
def edited(settings: Settings, target: Path | None) -> Iterator[Bundle]:
    """The settings' bundle, to be edited: a change is there when the manifest is written.

    A bundle that came with the program or of the hub, or that may not be written to, stays: a copy
    in the user's data folder is edited instead.

    Args:
        settings: name the bundle.
        target: folder of a copy to be made and edited.

    Raises:
        BundleError: no bundle, or another program edits it.
        ConfigError: the target holds something already.
    """
    source = settings.bundle_path
    folder = target or (source if _is_writable(source) else _own(source))
    if target is None and (folder / FILE_NAME).is_file():
        if folder != source:
            _LOG.info("%s stays as it came; edited is %s", source, folder)
        with editing(folder):
            yield load_bundle(folder)
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder}: holds something already; name a new folder: --output")
    with _copied(source, folder, asked=target is not None) as bundle:
        yield bundle


@contextmanager
def _copied(source: Path, folder: Path, asked: bool) -> Iterator[Bundle]:
    """A copy that takes its place when all went well, and something has changed or it was asked."""
    load_bundle(source)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".copy-", dir=folder.parent) as parent:
        copy = Path(parent) / folder.name
        before = _copy(source, copy)
        yield load_bundle(copy)
        if asked or load_manifest(copy).roles != before:
            copy.rename(folder)
            _LOG.info("the bundle is in %s; listen with it: --bundle %s", folder, _called(folder))


def _copy(source: Path, copy: Path) -> dict[str, object]:
    """Copy what a bundle names, and its thumbnails; the copy is called by its folder."""
    manifest = load_manifest(source)
    copy.mkdir()
    apart = [entry for entry in manifest.apart.values() if (source / entry.file).is_file()]
    for entry in (*manifest.roles.values(), *apart):
        shutil.copyfile(source / entry.file, copy / entry.file)
    if (source / PICTURES).is_dir():
        (copy / PICTURES).mkdir()  # copytree would take over that it is read-only
        for picture in filter(Path.is_file, (source / PICTURES).iterdir()):
            shutil.copyfile(picture, copy / PICTURES / picture.name)
    write_bundle(copy, replace(manifest, name=copy.name), {})
    return dict(manifest.roles)


def _is_writable(bundle: Path) -> bool:
    """False for what the program or the hub renews, too."""
    packaged = bundle.resolve().parent == PACKAGED_BUNDLE.parent.resolve()
    return not packaged and not (bundle / ORIGIN).exists() and os.access(bundle, os.W_OK)


def _own(bundle: Path) -> Path:
    return data_folder() / "bundles" / f"{bundle.resolve().name}-own"


def _called(folder: Path) -> str:
    """The shortest that --bundle takes."""
    return folder.name if folder.parent == data_folder() / "bundles" else str(folder)
