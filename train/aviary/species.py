"""The 24 species of the aviary with their taxonomy (names after the IOC World Bird List)."""

from edge.contract.taxonomy import Species, Taxonomy

_ROWS = """
Cuculiformes       Cuculidae       Cuculus canorus            Common Cuckoo
Cuculiformes       Cuculidae       Cuculus optatus            Oriental Cuckoo
Cuculiformes       Cuculidae       Clamator glandarius        Great Spotted Cuckoo
Strigiformes       Strigidae       Strix aluco                Tawny Owl
Strigiformes       Strigidae       Bubo bubo                  Eurasian Eagle-Owl
Strigiformes       Strigidae       Asio otus                  Long-eared Owl
Piciformes         Picidae         Dendrocopos major          Great Spotted Woodpecker
Piciformes         Picidae         Dryocopus martius          Black Woodpecker
Piciformes         Picidae         Picus viridis              European Green Woodpecker
Passeriformes      Paridae         Parus major                Great Tit
Passeriformes      Paridae         Periparus ater             Coal Tit
Passeriformes      Paridae         Cyanistes caeruleus        Eurasian Blue Tit
Passeriformes      Phylloscopidae  Phylloscopus collybita     Common Chiffchaff
Passeriformes      Phylloscopidae  Phylloscopus trochilus     Willow Warbler
Passeriformes      Phylloscopidae  Phylloscopus sibilatrix    Wood Warbler
Columbiformes      Columbidae      Columba palumbus           Common Wood Pigeon
Columbiformes      Columbidae      Streptopelia decaocto      Eurasian Collared Dove
Columbiformes      Columbidae      Columba oenas              Stock Dove
Passeriformes      Turdidae        Turdus merula              Common Blackbird
Passeriformes      Turdidae        Turdus philomelos          Song Thrush
Passeriformes      Turdidae        Turdus viscivorus          Mistle Thrush
Passeriformes      Fringillidae    Fringilla coelebs          Common Chaffinch
Passeriformes      Fringillidae    Chloris chloris            European Greenfinch
Passeriformes      Fringillidae    Carduelis carduelis        European Goldfinch
"""


def _species(row: str) -> Species:
    order, family, genus, epithet, common_name = row.split(maxsplit=4)
    return Species(
        species_id=f"{genus}_{epithet}".lower(),
        scientific_name=f"{genus} {epithet}",
        common_name=common_name,
        kingdom="Animalia",
        phylum="Chordata",
        class_="Aves",
        order=order,
        family=family,
        genus=genus,
        epithet=epithet,
    )


SPECIES: tuple[Species, ...] = tuple(_species(row) for row in _ROWS.strip().splitlines())
"""All species, three a family."""

SPECIES_IDS: tuple[str, ...] = tuple(species.species_id for species in SPECIES)


def chosen(species_ids: tuple[str, ...]) -> Taxonomy:
    """Return the taxonomy of some species, in the order of ``SPECIES``."""
    unknown = sorted(set(species_ids) - set(SPECIES_IDS))
    if unknown:
        raise ValueError(f"no such species in the aviary: {unknown[0]!r}; it has {SPECIES_IDS}")
    return Taxonomy(tuple(s for s in SPECIES if s.species_id in set(species_ids)))
