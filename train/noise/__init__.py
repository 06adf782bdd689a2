"""Sounds that no bird makes, for calibration and for tests: two generators that share no code."""
