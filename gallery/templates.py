"""The sentences that name a species to the teacher, exactly as BioCLIP-2 was trained.

Source: TreeOfLife-toolbox make_wds.py (Gu et al. 2025, arXiv 2505.23883): one template is drawn
per batch from sci, com, taxon, sci_com and taxon_com.
"""

from collections.abc import Callable

from edge.contract.taxonomy import Species

TEMPLATES: dict[str, Callable[[Species], str]] = {
    "sci": lambda species: f"a photo of {species.scientific_name}.",
    "com": lambda species: f"a photo of {species.common_name}.",
    "taxon": lambda species: f"a photo of {_ranks(species)}.",
    "sci_com": lambda species: (
        f"a photo of {species.scientific_name} with common name {species.common_name}."
    ),
    "taxon_com": lambda species: (
        f"a photo of {_ranks(species)} with common name {species.common_name}."
    ),
}


def _ranks(species: Species) -> str:
    """The ranks that are known, or the name if none is."""
    return " ".join(filter(None, species.ranks)) or species.scientific_name


def sentence(template: str, species: Species) -> str:
    """One sentence; ranks are capitalised, the epithet is lower case."""
    return TEMPLATES[template](species)
