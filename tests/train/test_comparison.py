"""Comparison of two corpora on the command line."""

from edge.contract.taxonomy import Taxonomy
from gallery.data.ranks import bird, named
from train.data.__main__ import main

HEADER = "path,kind,scientific_name,common_name,split,licence,attribution\n"


def own(folder, *species) -> str:
    folder.mkdir()
    Taxonomy(species).save(folder / "taxonomy.csv")
    rows = [f"{kind.species_id}.wav,audio,{kind.scientific_name},,train,x,y" for kind in species]
    (folder / "manifest.csv").write_text(HEADER + "\n".join(rows))
    return str(folder)


def test_two_corpora_are_matched_and_the_rest_is_listed(tmp_path, capsys):
    robin, jaguar = bird("Turdus migratorius"), named("Panthera onca", class_="Mammalia")
    kinglet = bird("Regulus calendula"), bird("Corthylio calendula")
    hill = bird("Corvus moneduloides", "New Caledonian Crow"), bird("Corvus monedulus")
    first = own(tmp_path / "a", robin, kinglet[0], jaguar, hill[0])
    second = own(tmp_path / "b", robin, kinglet[1], hill[1])
    assert main(["inspect", first, second, "--taxon", "Aves"]) == 0
    told, head, *rows = capsys.readouterr().out.splitlines()
    assert told == "2 species in both, 1 of them by two names"
    assert head.split() == "only in species nearest in the other which has".split()
    assert [" ".join(row.split()) for row in rows] == [
        "a Corvus moneduloides Corvus monedulus the same genus",
        "b Corvus monedulus Corvus moneduloides the same genus",
    ]


def test_an_unknown_taxon_is_one_line(tmp_path, capsys):
    assert main(["inspect", own(tmp_path / "a", bird("Turdus migratorius")), "--taxon", "X"]) == 1
    assert "no species of the taxon 'X'" in capsys.readouterr().err
