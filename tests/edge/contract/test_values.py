import math

import pytest

from edge.contract.errors import ConfigError
from edge.contract.values import Choice, Kind, Number, Switch, Text, checked

GOOD = [
    (Number(), "-1.5e3", -1500.0),
    (Number(), " 7 ", 7.0),
    (Number(), ".5", 0.5),
    (Number(0, 1), 1, 1.0),
    (Number(0, 5, whole=True), "+5", 5),
    (Number(0, above=True), 1e-300, 1e-300),
    (Choice(("a", "b")), "b", "b"),
    (Switch(), "On", True),
    (Switch(), False, False),
    (Text(), 5, "5"),
    (Text(several=True), ["a", "b"], "a, b"),
]
BAD: list[tuple[Kind, object, str]] = [
    *((Number(), text, "a number") for text in ("nan", "inf", "-inf", "Infinity", "1e999", "")),
    *(
        (Number(), text, "a number")
        for text in ("²", "\u0661", "\uff11", "1_0", "0x1", "1 0", "1,5", "--1")
    ),
    *((Number(), given, "a number") for given in (True, None, [], {}, math.nan, math.inf, b"1")),
    *((Number(whole=True), text, "whole") for text in ("1.0", "1e3", "9" * 5000, 1.0, "²", "0b1")),
    (Number(0, 1), 1.0001, "a number from 0 to 1"),
    (Number(0), -0.1, "a number from 0 up"),
    (Number(0, above=True), 0, "a number above 0"),
    (Choice(("a", "b")), "c", "one of a, b"),
    (Choice(("a", "b")), None, "one of a, b"),
    (Switch(), "maybe", "yes or no"),
    (Switch(), 2, "yes or no"),
    *((Text(), given, "one text") for given in ("", " ", None, True, ["a"], {}, "a\0b")),
    *((Text(several=True), given, "list of names") for given in ([], ["a", ""], [["a"]], {})),
]


@pytest.mark.parametrize(("kind", "given", "value"), GOOD)
def test_a_value_of_its_kind_is_read(kind: Kind, given: object, value: object) -> None:
    found = checked("it", given, kind)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(("kind", "given", "expected"), BAD)
def test_any_other_is_refused_in_words(kind: Kind, given: object, expected: str) -> None:
    with pytest.raises(ConfigError, match=rf"^it: .*, expected .*{expected}") as caught:
        checked("it", given, kind)
    assert len(str(caught.value)) < 200
    assert str(caught.value).isprintable()
