"""Sources of pictures: every address of one picture leads to the same, and no other's does."""

import pytest

from edge.contract.paths import is_plain_name
from edge.contract.picture_source import is_whole_name, picture_page, picture_source

NAME = "Häher_(a),_b;_c.jpg"
QUOTED = "H%C3%A4her_(a),_b%3B_c.jpg"
COMMONS = [
    f"https://commons.wikimedia.org/wiki/File:{QUOTED}",
    f"https://commons.wikimedia.org/wiki/Special:FilePath/{QUOTED}?width=330",
    "https://commons.m.wikimedia.org/wiki/File:häher_(a),_b%3B_c.jpg",
    f"https://commons.wikimedia.org/w/index.php?title=File:{QUOTED}",
    f"https://upload.wikimedia.org/wikipedia/commons/3/3f/{QUOTED}",
    f"https://thumb.wikimedia.org/wikipedia/commons/thumb/3/3f/{QUOTED}/330px-{QUOTED}",
]
PHOTO = [
    "https://www.inaturalist.org/photos/1234567",
    "https://static.inaturalist.org/photos/1234567/medium.jpg?15",
    "https://inaturalist-open-data.s3.amazonaws.com/photos/1234567/square.jpeg",
]


@pytest.mark.parametrize("urls", [COMMONS, PHOTO])
def test_all_addresses_of_a_picture_have_one_source(urls: list[str]) -> None:
    sources = [picture_source(url) for url in urls]
    assert sources[0] is not None
    assert sources == sources[:1] * len(urls)
    assert {picture_page(url) for url in urls} == {urls[0]}
    assert is_plain_name(f"{sources[0].key}.jpg")


def test_pictures_of_like_names_have_keys_of_their_own() -> None:
    urls = [*COMMONS[:1], *PHOTO[:1], "https://www.inaturalist.nz/observations/1234567"]
    urls += [url.replace("H%C3%A4her", "Her") for url in COMMONS[:1]]
    assert len({source.key for url in urls if (source := picture_source(url))}) == len(urls)


@pytest.mark.parametrize(
    "url",
    [
        "",
        None,
        "https://example.org/wiki/File:A.jpg",
        "https://commons.wikimedia.org.example.org/wiki/File:A.jpg",
        "https://commons.wikimedia.org/wiki/Category:Birds",
        "file:///wiki/File:A.jpg",
        "https://[::bad/wiki/File:A.jpg",
        "https://www.inaturalist.org/photos/abc",
        "https://www.inaturalist.org/people/12",
    ],
)
def test_any_other_address_has_none(url: str | None) -> None:
    assert picture_source(url) is None
    assert url is None or picture_page(url) == url


def test_the_place_of_a_file_tells_that_its_name_was_cut_off() -> None:
    place = "https://upload.wikimedia.org/wikipedia/commons/7/73"
    assert is_whole_name(f"{place}/AmericanKestrel02.jpg")
    assert not is_whole_name(f"{place}/AmericanKes")
    assert is_whole_name("https://example.org/AmericanKes")
