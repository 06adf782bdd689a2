"""Names of single species, known ones and new ones."""

import re
from dataclasses import replace

from edge.contract.errors import ConfigError
from edge.contract.names import nearest
from edge.contract.taxonomy import Species, Taxonomy, check_species_id, slug

_SCIENTIFIC = re.compile(r"[A-Z][a-z-]+( [a-z-]+){1,2}")


def find_species(taxonomy: Taxonomy, name: str) -> Species:
    """The species of a scientific or common name.

    Raises:
        ConfigError: there is none.
    """
    names = _by_name(taxonomy)
    if slug(name) not in names:
        raise ConfigError(f"{name!r}: no species of this bundle or station{_near(name, names)}")
    return names[slug(name)]


def is_known(taxonomy: Taxonomy, name: str) -> bool:
    """True if a species goes by a name."""
    return slug(name) in _by_name(taxonomy)


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


def _near(name: str, names: dict[str, Species]) -> str:
    return nearest(slug(name), names).replace("_", " ")
