"""Calibration: from scores of recordings to probabilities and thresholds."""
