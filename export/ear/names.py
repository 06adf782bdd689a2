"""Names an ear knows: taxonomy, text anchors, and codes for names without an anchor of worth.

The text tower of a small teacher knows the species that it was trained with; what it makes of
another name is noise. Such a name gets a code instead: a direction of its own, drawn from its hash
where no known anchor lies, so that it can be told from all others and is near to no picture.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge.contract.arrays import Float16s, Float32s, Floats
from edge.contract.errors import DatasetError
from edge.contract.taxonomy import Species, Taxonomy
from train.ears.labels import Label
from train.ears.recipe import Recipe

Anchors = Float32s
_NONE = "none of them"
_ENERGY = 1e-6
"""Share of the anchors' energy that may lie outside the directions they use."""
_FREE = 1 / 4
"""Share of the directions that is always left to codes."""
_ODD = re.compile(r"[^a-z0-9_-]")


@dataclass(frozen=True)
class Names:
    """Names that a classifier's numbers stand for, in a teacher's space."""

    taxonomy: Taxonomy
    anchors: Float16s
    """float16[species, dim], unit rows in the taxonomy's order."""
    directions: Anchors
    """float32[labels, dim]: what a label's probability is multiplied with."""
    none: Anchors
    """float32[dim], unit length: the direction of no species."""
    coded: tuple[str, ...]
    """Ids of species whose anchor is a code."""
    lacking: tuple[str, ...]
    """Names of the taxonomy given that the classifier doesn't know."""


def join_names(
    labels: Sequence[Label],
    recipe: Recipe,
    known: Taxonomy,
    anchors: Floats,
) -> Names:
    """Lay a classifier's labels into a teacher's space.

    Args:
        labels: of the classifier, in its order.
        recipe: which of them are no species, and what others call them.
        known: species whose anchors the teacher made; they come first in the taxonomy.
        anchors: [known, dim], unit rows.

    Raises:
        DatasetError: two labels are the same species.
    """
    held = known.by_id()
    species = [_species(label, recipe, held) for label in labels]
    events = [label.scientific_name in recipe.events for label in labels]
    birds = [bird for bird, event in zip(species, events, strict=True) if not event]
    _check_distinct(birds)
    new = [bird for bird in birds if bird.species_id not in held]
    basis = _used(anchors.astype(np.float32))
    codes = np.array([_code(bird.species_id, basis) for bird in new], np.float32)
    stored = np.concatenate([anchors, codes.reshape(-1, anchors.shape[1])]).astype(np.float16)
    taxonomy, none = Taxonomy((*known.species, *new)), _code(_NONE, basis)
    row = dict(zip(taxonomy.ids, stored, strict=True))
    named = zip(species, events, strict=True)
    directions = [none if event else row[bird.species_id] for bird, event in named]
    ids = {bird.species_id for bird in birds}
    return Names(
        taxonomy=taxonomy,
        anchors=stored,
        directions=np.array(directions, np.float32),
        none=none,
        coded=tuple(bird.species_id for bird in new),
        lacking=tuple(b.scientific_name for b in known.species if b.species_id not in ids),
    )


def _check_distinct(species: Sequence[Species]) -> None:
    seen: dict[str, str] = {}
    for bird in species:
        if bird.species_id in seen:
            raise DatasetError(
                f"labels: {bird.scientific_name!r} and {seen[bird.species_id]!r} are one species; "
                "mend the synonyms of the recipe"
            )
        seen[bird.species_id] = bird.scientific_name


def _species(label: Label, recipe: Recipe, known: Mapping[str, Species]) -> Species:
    """The taxonomy's own line, or one with the ranks that a name shows."""
    name = recipe.synonyms.get(label.scientific_name, label.scientific_name)
    species_id = _ODD.sub("-", Label(name, "").species_id)
    if species_id in known:
        return known[species_id]
    genus, _, epithet = name.partition(" ")
    kin = next((species for species in known.values() if species.genus == genus), None)
    class_ = recipe.known_class(genus)
    order, family = (kin.order, kin.family) if kin else ("", "")
    phylum = "Arthropoda" if class_ == "Insecta" else "Chordata"
    ranks = ("Animalia", phylum, class_, order, family, genus, epithet)
    return Species(species_id, name, label.common_name, *ranks)


def _used(anchors: Anchors) -> Anchors:
    """Directions that anchors lie in: float32[used, dim], orthonormal rows."""
    _, size, directions = np.linalg.svd(anchors.astype(np.float64), full_matrices=False)
    energy = np.cumsum(size**2) / np.sum(size**2)
    used = int(np.searchsorted(energy, 1 - _ENERGY)) + 1
    return np.asarray(directions[: min(used, int(anchors.shape[1] * (1 - _FREE)))], np.float32)


def _code(name: str, basis: Anchors) -> Anchors:
    """A unit vector outside the basis; the same for a name on every machine."""
    drawn = np.frombuffer(hashlib.shake_256(name.encode()).digest(2 * basis.shape[1]), "<u2")
    drawn = drawn / 32767.5 - 1
    free = drawn - (drawn @ basis.T.astype(np.float64)) @ basis.astype(np.float64)
    return np.asarray(free / np.linalg.norm(free), np.float16).astype(np.float32)
