"""Language of the species' names, as the settings have it."""

from collections.abc import Mapping
from contextlib import suppress

from edge.config import Settings
from edge.contract.errors import BirdlistenError
from edge.contract.languages import ENGLISH, names_in


def names_of(settings: Settings) -> Mapping[str, str]:
    """Common names by species id in the language that is set; none is set: no names.

    Raises:
        ConfigError: the bundle has none in it.
        BundleError: the bundle can't be read.
    """
    if settings.language is None:
        return {}
    return names_in(settings.bundle_path, settings.language)


def english_names(settings: Settings) -> Mapping[str, str]:
    """English names by species id, as far as the bundle tells them: forms to send away want these.

    A card without its bundle is exported, too, by the names that were kept.
    """
    with suppress(BirdlistenError):
        return names_in(settings.bundle_path, ENGLISH)
    return {}
