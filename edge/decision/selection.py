"""Selection of the species listened for: by species, genus, family or order."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from edge.contract.errors import ConfigError
from edge.contract.names import nearest
from edge.contract.tables import read_lines
from edge.contract.taxonomy import Species, Taxonomy, slug


def select(
    taxonomy: Taxonomy, ids: Sequence[str], include: str | None, exclude: str | None
) -> list[str]:
    """Narrow a list of species down.

    Args:
        taxonomy: of the bundle.
        ids: the species to begin with.
        include: names to keep, separated by commas, or a file with one a line; None keeps all.
        exclude: names to drop, likewise.

    Raises:
        ConfigError: a name that the bundle doesn't know, or nothing is left.
    """
    chosen = set(ids) if include is None else set(ids) & named(taxonomy, include)
    chosen -= set() if exclude is None else named(taxonomy, exclude)
    if not chosen:
        raise ConfigError("include and exclude leave no species to listen for")
    return [species_id for species_id in ids if species_id in chosen]


def named(taxonomy: Taxonomy, text: str) -> set[str]:
    """Ids of all species that names stand for.

    Raises:
        ConfigError: a name is no species, genus, family or order of the taxonomy.
    """
    groups: dict[str, set[str]] = {}
    for species in taxonomy.species:
        for name in _names(species):
            groups.setdefault(slug(name), set()).add(species.species_id)
    found, asked = set[str](), _listed(text)
    if any(slug(name) not in groups for name in asked):
        groups = taxonomy.by_local_name() | groups
    for name in asked:
        if slug(name) not in groups:
            near = nearest(slug(name), groups).replace("_", " ")
            raise ConfigError(f"{name!r}: no species, genus, family or order of this bundle{near}")
        found |= groups[slug(name)]
    return found


def _names(species: Species) -> Iterable[str]:
    names = (
        species.scientific_name,
        species.common_name,
        species.genus,
        species.family,
        species.order,
    )
    return filter(None, names)


def _listed(text: str) -> list[str]:
    lines = read_lines(Path(text)) if is_file(Path(text)) else text.split(",")
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise ConfigError(f"{text!r}: names no species")
    return names


def is_file(path: Path) -> bool:
    """True if a text that may be no path at all names a file."""
    try:
        return path.is_file()
    except OSError:  # a name longer than the file system allows
        return False
