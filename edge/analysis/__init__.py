"""Recordings worked off: by all cores, each once."""
