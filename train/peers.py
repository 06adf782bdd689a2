"""Figures that others have published for the same tasks; quoted, not measured here.

Every one is of another data set and another gallery than ours: they say what the field reaches, not
who is better. Source: BioVITA (arXiv 2603.23883, CVPR 2026), species-level retrieval.
"""

from dataclasses import dataclass

TASKS = ("A->T", "T->A", "A->I", "I->A", "I->T", "T->I")


@dataclass(frozen=True)
class Quoted:
    """One method's row of a paper."""

    method: str
    species: str
    """`seen` or `unseen` in its training."""
    figures: tuple[str, ...]
    """R@1 / R@5 in percent, one a task of TASKS; `-` where none is given."""


BIOVITA = (
    Quoted(
        "CLAP",
        "seen",
        ("0.7 / 4.7", "1.0 / 4.7", "-", "-", "-", "-"),
    ),
    Quoted(
        "ImageBind",
        "seen",
        ("2.0 / 8.9", "2.8 / 12.9", "1.8 / 8.7", "2.9 / 12.2", "59.5 / 81.4", "67.9 / 86.7"),
    ),
    Quoted(
        "TaxaBind",
        "seen",
        ("9.6 / 28.1", "11.8 / 32.9", "13.3 / 35.8", "16.2 / 41.4", "56.9 / 80.0", "66.9 / 86.9"),
    ),
    Quoted(
        "BioVITA, stage 1 (text alone)",
        "seen",
        ("60.3 / 80.0", "79.3 / 93.9", "47.8 / 72.8", "48.6 / 78.8", "65.1 / 80.5", "84.8 / 95.3"),
    ),
    Quoted(
        "BioVITA, stage 2",
        "seen",
        ("63.7 / 83.8", "81.1 / 94.7", "50.3 / 77.4", "57.5 / 85.6", "86.3 / 96.0", "91.2 / 97.5"),
    ),
    Quoted(
        "ImageBind",
        "unseen",
        ("2.2 / 11.8", "1.5 / 8.9", "1.1 / 9.2", "3.0 / 12.1", "-", "-"),
    ),
    Quoted(
        "BioVITA, stage 1 (text alone)",
        "unseen",
        ("14.6 / 32.9", "20.0 / 43.4", "7.8 / 23.6", "6.4 / 25.8", "33.0 / 59.5", "37.1 / 66.7"),
    ),
    Quoted(
        "BioVITA, stage 2",
        "unseen",
        ("36.6 / 62.2", "54.1 / 74.8", "29.3 / 54.3", "28.0 / 55.5", "76.8 / 94.7", "86.5 / 96.2"),
    ),
)
