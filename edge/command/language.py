"""Language of the species' names, as the settings have it."""

import logging
from collections.abc import Mapping
from contextlib import suppress

from edge.config import Settings
from edge.contract.errors import BirdlistenError, BundleError
from edge.system.bundles import bundle_here

_LOG = logging.getLogger(__name__)


def names_of(settings: Settings) -> Mapping[str, str]:
    """Common names by species id in the language that is set; none is set: no names.

    Records are told without their bundle, too, by the names that were kept.

    Raises:
        ConfigError: the bundle has none in that language.
        BundleError: its table is damaged.
    """
    if settings.language is None:
        return {}
    from edge.contract.languages import local_names
    from edge.contract.manifest import load_manifest

    try:
        if (path := bundle_here(settings.bundle)) is None:
            raise BundleError(f"{settings.bundle}: no such bundle here")
        names = local_names(path, load_manifest(path))
    except BirdlistenError as error:
        _LOG.warning("names stay as they were kept: %s", error)
        return {}
    return names.in_language(settings.language)


def english_names(settings: Settings) -> Mapping[str, str]:
    """English names by species id, as far as the bundle tells them: forms to send away want these.

    A card without its bundle is exported, too, by the names that were kept.
    """
    from edge.contract.languages import ENGLISH, names_in

    with suppress(BirdlistenError):
        path = bundle_here(settings.bundle)
        return {} if path is None else names_in(path, ENGLISH)
    return {}
