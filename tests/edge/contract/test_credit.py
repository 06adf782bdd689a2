"""Credits: an author is a name, whatever a site holds as one; licences are told apart."""

import pytest

from edge.contract.credit import author_name, is_same_author, is_same_licence

LINK = '<a href="//commons.wikimedia.org/wiki/User:{0}" title="User:{0}">{0}</a>'


@pytest.mark.parametrize(
    ("held", "name"),
    [
        ("Ron Knight, https://upload.wikimedia.org/wikipedia/commons/a/a8/x.jpg", "Ron Knight"),
        ("MPF, Wikimedia Commons File:Columba palumbus, Essex.jpg", "MPF"),
        (f"Photo by Greg Hume ({LINK.format('Greg5030')})", "Greg Hume (Greg5030)"),
        (f"Patrick Coin ({LINK.format('Patrick Coin')})", "Patrick Coin"),
        ("Andy Reago &amp; Chrissy McClarren", "Andy Reago & Chrissy McClarren"),
        ("Kolforn (Kolforn) I'd appreciate if you could mail me (a.b@gmail.com) if you", "Kolforn"),
        ("fir0002 flagstaffotos [at] gmail.com Canon 20D + Canon 70-200mm f/2.8 L", "fir0002"),
        ("J. Doe <j.doe@example.org>", "J. Doe"),
        ("JJ Harrison (https://www.jjharrison.com.au/)", "JJ Harrison"),
        ("https://www.flickr.com/photos/sbern/", "flickr.com/photos/sbern"),
        ("No machine-readable author provided. Mdf assumed (based on copyright claims).", "Mdf"),
        ("Original uploader was Outriggr at en.wikipedia", "Outriggr"),
        ("This image was produced by me, David Castor. The pictures I submit are", "David Castor"),
        ("User:Mdf", "Mdf"),
        ("Old_file.jpg: viwake", "viwake"),
        ("(c) David F. Belmonte, some rights reserved (CC BY)", "David F. Belmonte"),
        ("iNaturalist (c) dejong, CC-BY-NC-SA — observation 66418412", "dejong"),
        ("Thijs Fijen, XC131073, https://xeno-canto.org/131073", "Thijs Fijen"),
        ("Bengt Nyman from Vaxholm, Sweden", "Bengt Nyman from Vaxholm, Sweden"),
        ("Photographer&#39;s &lt;b&gt;Guild&lt;/b&gt;", "Photographer's Guild"),
        ("Gallinago-delicata-002.jpg", "unknown"),
        ("unbekannt", "unknown"),
        ("", "unknown"),
    ],
)
def test_an_author_is_a_name(held: str, name: str) -> None:
    assert author_name(held) == name
    assert author_name(name) == name


@pytest.mark.parametrize("part", ["a", "a.", "a@", "(", " at", ". ", "a (a", "<", "<b>a", " - a"])
def test_an_endless_author_is_read_in_no_time(part: str) -> None:
    """Patterns that take the square of it would take hours."""
    assert len(author_name(200_000 // len(part) * part)) <= 200


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Charles J. Sharp", "<b>Charles J Sharp</b>", True),
        ("Bengt Nyman", "Bengt Nyman from Vaxholm, Sweden", True),
        ("José Álvarez", "Jose Alvarez", True),
        ("unknown", "Anybody", True),
        ("Ron Knight", "Ron Weasley", False),
        ("Mdf", "Mdfx", False),
    ],
)
def test_authors_are_compared_as_people_write_them(one: str, other: str, same: bool) -> None:
    assert is_same_author(one, other) is is_same_author(other, one) is same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("CC BY-SA 4.0", "cc-by-sa-4.0", True),
        ("CC0-1.0", "CC0", True),
        ("CC-BY-NC", "cc-by-nc-4.0", True),
        ("Public domain", "pd", True),
        ("Creative Commons BY 2.0", "CC BY 2.0", True),
        ("CC BY 4.0", "CC BY-NC 4.0", False),
        ("CC BY 3.0", "CC BY 4.0", False),
        ("CC BY 3.0", "Public domain", False),
        ("", "", False),
    ],
)
def test_licences_are_compared_by_kind_and_version(one: str, other: str, same: bool) -> None:
    assert is_same_licence(one, other) is is_same_licence(other, one) is same
