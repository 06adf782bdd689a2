"""Temporal agreement of a clip's sound with its frames (Tsubaki et al. 2024, arXiv 2403.10756)."""
