"""Field-guide facts: colours, markings and build of the 24 species."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from edge.system.yaml_file import read_yaml

_TABLE = Path(__file__).with_name("plumages.yaml")


@dataclass(frozen=True)
class Build:
    """Shape of a bird seen from the side; unit: half a body length."""

    size: float = 0.9
    """Share of the picture that the bird fills, before its own variation."""
    depth: float = 0.62
    """Half the body's depth."""
    posture_deg: float = 32.0
    """Angle of the body axis above the horizontal."""
    head: float = 0.44
    """Radius of the head."""
    neck: float = 0.12
    """How far the head is lifted above the body axis."""
    tail: float = 0.75
    tail_width: float = 0.17
    wing: float = 0.25
    """How far the wing tip reaches beyond the body."""
    bill: float = 0.26
    bill_depth: float = 0.13
    hook: float = 0.0
    """How far the tip of the bill bends down."""
    leg: float = 0.32
    perch: str = "branch"
    """Where it is usually seen: branch, ground or trunk."""


@dataclass(frozen=True)
class Mark:
    """One marking: a kind known to ``markings`` or ``owl``, its colour and size."""

    kind: str
    colour: str
    size: float = 1.0


@dataclass(frozen=True)
class Plumage:
    """Colours of a bird's parts and its markings, painted in order."""

    back: str
    wing: str
    flight: str
    tail: str
    head: str
    throat: str
    breast: str
    belly: str
    bill: str
    legs: str
    vent: str = ""
    """Under the tail; as the belly where empty."""
    eye: str = "#1a1410"
    marks: tuple[Mark, ...] = ()
    build: Build = field(default_factory=Build)


@cache
def plumages() -> Mapping[str, Plumage]:
    """Plumages by species id (plumages.yaml, whose keys are the fields of these classes)."""
    content = read_yaml(_TABLE, ("builds", "plumages"))
    builds = {name: Build(**fields) for name, fields in content["builds"].items()}
    return {species: _plumage(builds, **row) for species, row in content["plumages"].items()}


def _plumage(builds: Mapping[str, Build], build: str, marks: list[Any], **colours: str) -> Plumage:
    return Plumage(**colours, build=builds[build], marks=tuple(Mark(**fields) for fields in marks))
