"""Bundles by name: a folder, a packaged one, one of the user's, or one of the hub."""

from contextlib import suppress
from pathlib import Path

from edge.contract.errors import BirdlistenError, ConfigError
from edge.contract.names import nearest
from edge.system.folders import user_folder

HUB = "hf:"
"""What a name of the Hugging Face hub begins with."""
ORIGIN = "hub.json"
"""In a fetched bundle: where it is from."""
PACKAGED = Path(__file__).parents[1] / "bundles"


def find_bundle(name: str) -> Path:
    """A folder, or for a plain name a packaged bundle or one of the user's; `hf:` is fetched.

    Raises:
        ConfigError: a plain name that is nowhere.
        BundleError: one of the hub that can't be fetched.
    """
    if name.startswith(HUB):
        from edge.system.hub_bundle import fetched  # few need it, and each start would pay

        return fetched(name)
    return _lying(name)


def bundle_here(name: str) -> Path | None:
    """The same without fetching any: what was kept is told without its bundle, too."""
    with suppress(BirdlistenError):
        if not name.startswith(HUB):
            return _lying(name)
        from edge.system.hub_bundle import installed

        return installed(name)
    return None


def _lying(name: str) -> Path:
    plain = Path(name).name == name
    if not plain or Path(name).is_dir():
        return Path(name)
    own = user_folder("XDG_DATA_HOME", ".local/share")
    folders = [PACKAGED, *([own / "bundles"] if own else [])]
    for folder in folders:
        if (folder / name).is_dir():
            return folder / name
    held = sorted(
        entry.name
        for folder in folders
        if folder.is_dir()
        for entry in folder.iterdir()
        if not entry.name.startswith(".")
    )
    raise ConfigError(
        f"bundle: {name!r} is no folder here, and none of {', '.join(held)}{nearest(name, held)}"
        f" (./scripts/ear {name} makes one of a ready network)"
    )
