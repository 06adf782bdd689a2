"""Measurement of a student: protocol, metrics, baselines and plots."""
