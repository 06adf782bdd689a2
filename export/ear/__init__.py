"""A ready classifier of species as a bundle: python -m export.ear."""
