"""Species from what a corpus says of them; ranks that it leaves out come from the genus.

`genera.csv` beside: family and order of every genus of birds (`scripts/bird_names.py`). A genus is
one in all the animals, so whatever isn't in it is no bird; its ranks stay empty rather than wrong.
"""

import csv
from functools import cache
from pathlib import Path

from edge.contract.taxonomy import Species, slug

BIRDS = "Aves"
_PHYLA = {
    **dict.fromkeys((BIRDS, "Mammalia", "Amphibia", "Reptilia", "Actinopterygii"), "Chordata"),
    **dict.fromkeys(("Insecta", "Arachnida", "Malacostraca"), "Arthropoda"),
}
"""Of the classes that are recorded."""


@cache
def genera() -> dict[str, tuple[str, str]]:
    """Order and family of each genus of birds."""
    with (Path(__file__).parent / "genera.csv").open(encoding="utf-8", newline="") as lines:
        return {row["genus"]: (row["order"], row["family"]) for row in csv.DictReader(lines)}


def named(
    scientific_name: str,
    common_name: str = "",
    class_: str = "",
    order: str = "",
    family: str = "",
    species_id: str = "",
) -> Species:
    """A species, where a corpus gives less than seven ranks.

    A subspecies counts as its species; `Anatidae (Ducks, Geese, and Waterfowl)` as `Anatidae`.
    `Insecta sonotype 12`, which names a class and a number in it, is no species but one of its own.

    Args:
        scientific_name: two words or three; anything else is a name and nothing more.
        common_name: the scientific name if empty.
        class_: empty asks the genus, as for the other ranks.
        order: with a capital.
        family: what stands in brackets behind it is left out.
        species_id: where another than the name's.
    """
    name = " ".join(scientific_name.split())
    first, _, rest = name.partition(" ")
    genus, epithet = first.capitalize(), rest.partition(" ")[0].lower()
    if first in _PHYLA or not epithet:
        return thing(name, common_name, class_=first if first in _PHYLA else class_)
    name = f"{genus} {epithet}"
    known_order, known_family = genera().get(genus, ("", ""))
    is_bird = class_ == BIRDS or (not class_ and bool(known_order))
    return Species(
        species_id=species_id or slug(name),
        scientific_name=name,
        common_name=common_name or name,
        **_above(BIRDS if is_bird else class_),
        order=order or (known_order if is_bird else ""),
        family=family.partition("(")[0].strip() or (known_family if is_bird else ""),
        genus=genus,
        epithet=epithet,
    )


def bird(scientific_name: str, common_name: str = "", order: str = "", family: str = "") -> Species:
    """A bird, of a corpus that has no other animals."""
    return named(scientific_name, common_name, BIRDS, order=order, family=family)


def thing(label: str, common_name: str = "", class_: str = "") -> Species:
    """A class of sound that is no species: its name is all there is to say."""
    name = " ".join(label.replace("_", " ").split())
    return Species(
        species_id=slug(name),
        scientific_name=name,
        common_name=common_name or name,
        **_above(class_),
        order="",
        family="",
        genus="",
        epithet="",
    )


def _above(class_: str) -> dict[str, str]:
    """Kingdom, phylum and class; empty where the class is."""
    kingdom = "Animalia" if class_ else ""
    return {"kingdom": kingdom, "phylum": _PHYLA.get(class_, ""), "class_": class_}
