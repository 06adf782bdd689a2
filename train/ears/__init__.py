"""Ears: ready classifiers of sounds, as teachers and as listeners."""
