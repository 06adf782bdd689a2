"""The sound of a detection: cut, kept for a while, and shown as a spectrogram."""
