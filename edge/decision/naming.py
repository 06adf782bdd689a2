"""Names of single species, known ones and new ones, and lists of them."""

import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from edge.contract.errors import ConfigError
from edge.contract.names import nearest
from edge.contract.tables import read_lines
from edge.contract.taxonomy import Species, Taxonomy, check_species_id, slug

_LOG = logging.getLogger(__name__)
_BETWEEN = re.compile(r"[_;,\t]")
_HEADS = ("scientific_name", "scientific name", "common_name", "common name", "species")
_SHOWN = 5
"""Unknown names that are told."""
_SCIENTIFIC = re.compile(r"[A-Z][a-z-]+( [a-z-]+){1,2}")


def find_species(taxonomy: Taxonomy, name: str) -> Species:
    """The species of a scientific or common name.

    Raises:
        ConfigError: there is none.
    """
    names = species_by_name(taxonomy)
    if slug(name) not in names:
        raise ConfigError(f"{name!r}: no species of this bundle or station{_near(name, names)}")
    return names[slug(name)]


def read_species(path: Path, taxonomy: Taxonomy) -> list[str]:
    """Ids of the species that a file lists, a line each; of a name that is unknown, its own.

    A line is a scientific name, a common one in any language, a label of BirdNET (both, joined by
    `_`), or the row of a spreadsheet that holds one of them; `#` begins a comment line.

    Raises:
        ConfigError: unreadable, or no name in it.
    """
    names = _by_name(taxonomy)
    lines = [line for line in read_lines(path) if line.casefold() not in _HEADS]
    if not lines:
        raise ConfigError(f"{path}: names no species; expected a name a line")
    found = [_listed(line, names) for line in lines]
    if None in found:
        names = _in_all_languages(taxonomy) | names
        found = [_listed(line, names) for line in lines]
    unknown = [line for line, species_id in zip(lines, found, strict=True) if species_id is None]
    if unknown:
        shown = ", ".join(f"{line!r}{_near(line, names)}" for line in unknown[:_SHOWN])
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        _LOG.warning("%s: not in this bundle: %s%s", path, shown, more)
    ids = (species or slug(line) for line, species in zip(lines, found, strict=True))
    return list(dict.fromkeys(ids))


def _listed(line: str, names: Mapping[str, Species]) -> str | None:
    """The id of the first part of a line that is a name."""
    parts = [line, *_BETWEEN.split(line)]
    known = (names[slug(part)].species_id for part in parts if slug(part) in names)
    return next(known, None)


def is_known(taxonomy: Taxonomy, name: str) -> bool:
    """True if a species goes by a name."""
    return slug(name) in species_by_name(taxonomy)


def species_by_name(taxonomy: Taxonomy) -> Mapping[str, Species]:
    """Species by their scientific and common names in all languages, as `slug` spells them."""
    return _in_all_languages(taxonomy) | _by_name(taxonomy)


def new_species(taxonomy: Taxonomy, name: str, common: str, family: str, order: str) -> Species:
    """A species that the taxonomy lacks; what isn't given of its ranks is its genus' where known.

    Args:
        taxonomy: of the bundle.
        name: scientific.
        common: name; empty: none.
        family: likewise.
        order: likewise.

    Raises:
        ConfigError: the name is no scientific one.
    """
    if not _SCIENTIFIC.fullmatch(name):
        raise ConfigError(
            f"{name!r}: expected a name that the bundle knows{_near(name, _by_name(taxonomy))}, or "
            "a scientific one such as 'Leipoa ocellata' with --common Malleefowl"
        )
    check_species_id(slug(name), "species")
    genus, epithet = name.split(" ", 1)
    stranger = replace(taxonomy.species[0], order="", family="")
    kin = next((other for other in taxonomy.species if other.genus == genus), stranger)
    return replace(
        kin,
        species_id=slug(name),
        scientific_name=name,
        common_name=common or name,
        order=order or kin.order,
        family=family or kin.family,
        genus=genus,
        epithet=epithet,
    )


def _by_name(taxonomy: Taxonomy) -> dict[str, Species]:
    common = {slug(species.common_name): species for species in taxonomy.species}
    return common | {slug(species.scientific_name): species for species in taxonomy.species}


def _in_all_languages(taxonomy: Taxonomy) -> dict[str, Species]:
    """Species by what they are called anywhere; a name of several is none's."""
    known = taxonomy.by_id()
    called = taxonomy.by_local_name().items()
    return {name: known[next(iter(ids))] for name, ids in called if len(ids) == 1}


def _near(name: str, names: Mapping[str, Species]) -> str:
    return nearest(slug(name), names).replace("_", " ")
