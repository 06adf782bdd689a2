"""Suffixes of recordings, by what reads them."""

_OWN = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".w64", ".caf")
BY_FFMPEG = (".m4a", ".aac", ".mp4", ".3gp", ".wma", ".webm", ".mka", ".amr", ".mp2", ".wv")
SUFFIXES = (*_OWN, ".rf64", ".bw64", ".bwf", *BY_FFMPEG)
"""Of what is looked for in a folder; a file that is named may have any."""
