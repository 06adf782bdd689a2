"""Field-guide facts: colours, markings and build of the 24 species.

Plumage of adult males in spring after the usual field guides (Svensson et al., *Collins Bird
Guide*), simplified to what shows in a small picture.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


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


_CUCKOO = Build(0.99, 0.46, 26.0, 0.36, 0.16, 1.05, 0.19, 0.50, 0.26, 0.11, 0.05, 0.18)
_PECKER = Build(0.95, 0.46, 66.0, 0.40, 0.10, 0.75, 0.15, 0.15, 0.42, 0.15, 0.0, 0.2, "trunk")
_TIT = Build(0.84, 0.70, 30.0, 0.52, 0.12, 0.75, 0.14, 0.18, 0.17, 0.12)
_LEAF = Build(0.82, 0.56, 34.0, 0.44, 0.12, 0.75, 0.14, 0.22, 0.22, 0.085)
_PIGEON = Build(0.97, 0.60, 20.0, 0.31, 0.42, 0.80, 0.22, 0.45, 0.22, 0.10, 0.03, 0.22)
_THRUSH = Build(0.93, 0.58, 34.0, 0.40, 0.14, 0.80, 0.17, 0.22, 0.30, 0.12, 0.02, 0.42, "ground")
_FINCH = Build(0.87, 0.62, 30.0, 0.45, 0.12, 0.72, 0.16, 0.22, 0.25, 0.22)
_OWL = Build(0.97, 0.80, 90.0, 0.62, 0.0, 0.5, 0.3, 0.2, 0.2, 0.15)

# fmt: off
PLUMAGES: Mapping[str, Plumage] = {
    "cuculus_canorus": Plumage(
        "#8f9aa8", "#7f8a98", "#626b77", "#5d6672", "#9aa5b2", "#a3adb9", "#a9b2bd", "#f4f2ee",
        "#3b3a36", "#e3b12c", eye="#e9b52e",
        build=_CUCKOO,
        marks=(Mark("bars", "#7d8288", 0.6), Mark("tail_spots", "#f2f2f2"),
               Mark("eye_ring", "#e9b52e"), Mark("bill_base", "#e3b12c")),
    ),
    "cuculus_optatus": Plumage(
        "#55606f", "#4a5462", "#363e49", "#2d343d", "#677282", "#7a8593", "#7f8996", "#efe2c4",
        "#2d2c2a", "#d9962a", "#e6c78c", eye="#8a4a1c",
        build=_CUCKOO,
        marks=(Mark("bars", "#22262b", 1.5), Mark("tail_spots", "#e8e0d0"),
               Mark("eye_ring", "#e9b52e"), Mark("bill_base", "#d9a52c")),
    ),
    "clamator_glandarius": Plumage(
        "#6d645c", "#70675f", "#544c45", "#4a433d", "#8b8d92", "#f2dfae", "#f6ead0", "#fbf8f0",
        "#2e2b29", "#6d6a66",
        build=_CUCKOO,
        marks=(Mark("crest", "#83868c"), Mark("cap", "#83868c"), Mark("wing_spots", "#fbf8f0"),
               Mark("tail_spots", "#fbf8f0"), Mark("eye_ring", "#c8402c", 0.8)),
    ),
    "strix_aluco": Plumage(
        "#7d5a3c", "#6d4c31", "#57391f", "#6d4c31", "#7d5a3c", "#c9b294", "#cdb491", "#d8c4a4",
        "#c9b35c", "#a58d68", eye="#0d0a09",
        build=_OWL,
        marks=(Mark("disc", "#c7a986"), Mark("streaks", "#5a3d26"), Mark("scapulars", "#efe3cc")),
    ),
    "bubo_bubo": Plumage(
        "#8a6433", "#5f421f", "#3f2b15", "#6a4a25", "#8e6836", "#efe4cd", "#c58f48", "#cf9f5c",
        "#2b2826", "#a5814c", eye="#f07c12",
        build=_OWL,
        marks=(Mark("ears", "#3a2814", 1.3), Mark("disc", "#b28b55"),
               Mark("streaks", "#2a1c0e", 1.7), Mark("bib", "#f4ecdc"),
               Mark("scapulars", "#c99a55")),
    ),
    "asio_otus": Plumage(
        "#8f7a60", "#75624c", "#54452f", "#75624c", "#8f7a60", "#d8c19a", "#cfb489", "#d9c29b",
        "#2f2c2a", "#b99b6c", eye="#f39a1a",
        build=Build(0.97, 0.62, 90.0, 0.54, 0.0, 0.5, 0.3, 0.2, 0.2, 0.15),
        marks=(Mark("ears", "#4a3a28", 1.6), Mark("disc", "#d89f5c"), Mark("brow", "#f5ecdc"),
               Mark("streaks", "#4a3623"), Mark("scapulars", "#e8d9bd")),
    ),
    "dendrocopos_major": Plumage(
        "#1d1c20", "#1d1c20", "#1a191c", "#1a191c", "#f3f0ea", "#f3f0ea", "#f0e9dc", "#f0e9dc",
        "#4c4a4d", "#6d6a66", "#d2232c",
        build=_PECKER,
        marks=(Mark("cap", "#1d1c20"), Mark("nape", "#d2232c"), Mark("moustache", "#1d1c20", 1.2),
               Mark("shoulder", "#f6f4ef"), Mark("wing_spots", "#f6f4ef")),
    ),
    "dryocopus_martius": Plumage(
        "#232227", "#1f1e23", "#18171b", "#18171b", "#1f1e23", "#232227", "#26252b", "#26252b",
        "#d9d0b4", "#77746f", eye="#f2ead0",
        build=Build(1.0, 0.42, 66.0, 0.37, 0.14, 0.85, 0.15, 0.15, 0.52, 0.15, 0.0, 0.2, "trunk"),
        marks=(Mark("crown", "#cf1f28"),),
    ),
    "picus_viridis": Plumage(
        "#7f9a34", "#74902e", "#4c5233", "#5b6634", "#a9b67c", "#cfd3a6", "#c7cd9c", "#cdd2a4",
        "#55544f", "#7b7a6c", eye="#f0eede",
        build=_PECKER,
        marks=(Mark("mask", "#1c1b1d"), Mark("crown", "#d3262e"),
               Mark("moustache", "#b3202b", 0.8), Mark("rump", "#e2d93b"),
               Mark("wing_spots", "#cdd0a0", 0.6)),
    ),
    "parus_major": Plumage(
        "#7f9a4a", "#6f8796", "#4f5f6d", "#556d84", "#17181c", "#17181c", "#f2d838", "#f2d838",
        "#1c1b1d", "#6c7580", "#f6f0d4",
        build=_TIT,
        marks=(Mark("cheek", "#fbfbf7"), Mark("belly_stripe", "#17181c"),
               Mark("wing_bar", "#f4f6f4"), Mark("nape_spot", "#dbe36a", 0.5)),
    ),
    "periparus_ater": Plumage(
        "#7b8594", "#6d7786", "#4e5662", "#5d6674", "#16171b", "#16171b", "#ece0cc", "#e4cfae",
        "#1b1a1c", "#59616b", "#e0c5a0",
        build=Build(0.76, 0.7, 30.0, 0.56, 0.12, 0.55, 0.12, 0.15, 0.16, 0.09),
        marks=(Mark("cheek", "#fbfbf8"), Mark("nape_spot", "#fafaf6", 1.2), Mark("bib", "#16171b"),
               Mark("wing_bar", "#f6f6f2"), Mark("wing_bar_2", "#f6f6f2")),
    ),
    "cyanistes_caeruleus": Plumage(
        "#8fa866", "#3f7fc4", "#3a66a0", "#3f7cc0", "#fafbfa", "#24335c", "#f5e04a", "#f5e04a",
        "#2b2c30", "#5a7aa0", "#f6ecae",
        build=Build(0.8, 0.72, 28.0, 0.54, 0.12, 0.65, 0.13, 0.15, 0.13, 0.11),
        marks=(Mark("crown", "#2f86d8"), Mark("collar", "#24335c"), Mark("eye_stripe", "#24335c"),
               Mark("wing_bar", "#f7f9fb")),
    ),
    "phylloscopus_collybita": Plumage(
        "#7d6f55", "#70634b", "#5a503d", "#645844", "#7d6f55", "#d9d0b0", "#cfc5a2", "#d8d0b4",
        "#2e2a25", "#1f1b19", "#cfc08c",
        build=_LEAF,
        marks=(Mark("supercilium", "#c9bf95", 0.7), Mark("eye_stripe", "#4f4a35", 0.6),
               Mark("eye_ring", "#e6dfbe", 0.7)),
    ),
    "phylloscopus_trochilus": Plumage(
        "#98a058", "#89924e", "#6a7240", "#747c46", "#98a058", "#f0e79c", "#efe8ac", "#f3eed0",
        "#a3703f", "#cf9468", "#efe9c4",
        build=_LEAF,
        marks=(Mark("supercilium", "#f2ec9a", 1.1), Mark("eye_stripe", "#58613c", 0.7)),
    ),
    "phylloscopus_sibilatrix": Plumage(
        "#6fae3e", "#5f9a38", "#3f5c2a", "#4b7030", "#6fae3e", "#f8e430", "#f7e748", "#ffffff",
        "#8f6a44", "#c99a62", "#ffffff",
        build=Build(0.84, 0.56, 26.0, 0.44, 0.12, 0.62, 0.14, 0.5, 0.22, 0.095),
        marks=(Mark("supercilium", "#f9ea2c", 1.4), Mark("eye_stripe", "#39562a"),
               Mark("wing_edge", "#e6e65a")),
    ),
    "columba_palumbus": Plumage(
        "#8b93a1", "#858b95", "#43474f", "#4b5058", "#7d8da6", "#8796ad", "#c492a2", "#d5ccd2",
        "#e8a13c", "#c25a62", eye="#efe6a8",
        build=Build(1.0, 0.66, 20.0, 0.29, 0.42, 0.85, 0.22, 0.45, 0.2, 0.1, 0.03, 0.2),
        marks=(Mark("gloss", "#5f8f7a", 0.8), Mark("neck_patch", "#fbfbfb", 1.2),
               Mark("wing_crescent", "#f8f8f8")),
    ),
    "streptopelia_decaocto": Plumage(
        "#c3ad94", "#bda88f", "#75695f", "#b3a18b", "#d8c6b8", "#dccbc0", "#dcc2ba", "#dfd0c4",
        "#2e2b2b", "#b4505a", eye="#7a1c1c",
        build=Build(0.95, 0.5, 22.0, 0.29, 0.4, 1.1, 0.18, 0.4, 0.2, 0.08, 0.03, 0.2),
        marks=(Mark("half_collar", "#141416"),),
    ),
    "columba_oenas": Plumage(
        "#5f7089", "#6a7b94", "#2e333c", "#39404b", "#566a88", "#5c7190", "#94728e", "#7689a4",
        "#e0b848", "#cc4a55", eye="#17100e",
        build=_PIGEON,
        marks=(Mark("gloss", "#2fa06c", 1.4), Mark("wing_dashes", "#14161a")),
    ),
    "turdus_merula": Plumage(
        "#1c1a1c", "#1a181a", "#141214", "#151315", "#1a181a", "#1e1c1e", "#201e20", "#201e20",
        "#f39a16", "#4a3a30", eye="#0c0a0a",
        build=_THRUSH,
        marks=(Mark("eye_ring", "#f3a01e"),),
    ),
    "turdus_philomelos": Plumage(
        "#8a6844", "#85633f", "#6b4d30", "#7d5c3b", "#8a6844", "#f6ecd2", "#f0d79c", "#fbf6ea",
        "#5a4636", "#d9a487",
        build=Build(0.88, 0.6, 32.0, 0.42, 0.12, 0.62, 0.16, 0.22, 0.26, 0.11, 0.02, 0.4, "ground"),
        marks=(Mark("cheek", "#b08f62", 0.7), Mark("spots", "#4a3018", 0.75),
               Mark("moustache", "#4a3018", 0.4)),
    ),
    "turdus_viscivorus": Plumage(
        "#9c9a8c", "#94928a", "#62625e", "#86867e", "#9a988c", "#f7f6f0", "#f3f0e4", "#fcfbf6",
        "#4f4a42", "#c9a878",
        build=Build(0.97, 0.6, 42.0, 0.36, 0.16, 0.95, 0.17, 0.3, 0.27, 0.11, 0.02, 0.45, "ground"),
        marks=(Mark("spots", "#1d1712", 1.25), Mark("wing_edge", "#f2f0e6"),
               Mark("cheek", "#dcd9cc", 0.7)),
    ),
    "fringilla_coelebs": Plumage(
        "#8d5a41", "#2c2a2e", "#252327", "#3a3a42", "#6f8cab", "#cf7f68", "#d4806a", "#dd9c88",
        "#66788f", "#8a6a5a", "#f3ece6",
        build=_FINCH,
        marks=(Mark("forehead", "#1d1c20"), Mark("cheek", "#c9785f"),
               Mark("wing_bar", "#fbfbf9", 1.6), Mark("wing_bar_2", "#fbfbf9")),
    ),
    "chloris_chloris": Plumage(
        "#7f9440", "#7c8f4a", "#5a5f52", "#5b5f4a", "#8da03f", "#b2bf48", "#b5c24a", "#c6cd5c",
        "#e9c9b0", "#dba38c", "#e6e6b4",
        build=Build(0.89, 0.68, 30.0, 0.48, 0.1, 0.62, 0.16, 0.2, 0.27, 0.28),
        marks=(Mark("mask_soft", "#4d5a2c"), Mark("wing_edge", "#f7e02a", 1.7),
               Mark("tail_edge", "#f7e02a")),
    ),
    "carduelis_carduelis": Plumage(
        "#b08254", "#17161a", "#17161a", "#17161a", "#f7f3ea", "#f5efe4", "#cfa273", "#faf7f0",
        "#efdcc8", "#c99c8a",
        build=_FINCH,
        marks=(Mark("crown", "#17161a"), Mark("collar", "#17161a", 0.9), Mark("face", "#cf1b26"),
               Mark("wing_band", "#f6cf1c"), Mark("wing_tips", "#fbfbf8")),
    ),
}
# fmt: on
"""Species id -> plumage; colours in the order of the fields of ``Plumage``."""
