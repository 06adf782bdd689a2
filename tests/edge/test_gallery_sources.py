"""Pictures as a person has them: the species is told by folders and tables."""

from pathlib import Path

import pytest

from edge.command.gallery_sources import Credit, PictureSources
from edge.contract.errors import PictureError
from edge.contract.taxonomy import Species, Taxonomy

RANKS = ("Animalia", "Chordata", "Aves", "Passeriformes", "Troglodytidae")
BIRDS = {"Troglodytes aedon": "House Wren", "Pica pica": "Eurasian Magpie"}


@pytest.fixture
def sources() -> PictureSources:
    species = [
        Species(name.lower().replace(" ", "_"), name, common, *RANKS, *name.split())
        for name, common in BIRDS.items()
    ]
    return PictureSources(Taxonomy(tuple(species)), None, Credit(author="Ann", licence="CC0"))


def laid(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "x.jpg").write_bytes(b"picture")
    return folder


@pytest.mark.parametrize(
    ("folder", "species"),
    [
        ("Pica_pica", "pica_pica"),
        ("017.House_Wren", "troglodytes_aedon"),
        ("House Wren/nest", "troglodytes_aedon"),
        ("Pica pica/some that we saw in the garden", "pica_pica"),
        ("04417_Animalia_Chordata_Aves_Passeriformes_Corvidae_Pica_pica", "pica_pica"),
        ("Southern House Wren", None),
        ("Birds of ours that look like a House Wren", None),
    ],
)
def test_a_folder_tells_the_species_by_its_whole_name(
    sources: PictureSources, tmp_path: Path, folder: str, species: str | None
) -> None:
    laid(tmp_path / "all" / folder)
    if species is None:
        with pytest.raises(PictureError, match="no picture of a species of this bundle"):
            sources.read([tmp_path / "all"])
    else:
        (picture,) = sources.read([tmp_path / "all"])
        assert picture.species.species_id == species


def test_an_author_of_a_table_is_a_name(sources: PictureSources, tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text(
        "path,scientific_name,attribution\n"
        'a.jpg,Pica pica,"(c) Bea Bird, some rights reserved (CC BY)"\n'
        "b.jpg,Pica pica,\n"
    )
    assert [picture.author for picture in sources.read([tmp_path])] == ["Bea Bird", "Ann"]
