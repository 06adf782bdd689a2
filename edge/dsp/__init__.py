"""Signal processing of windows: gate, onset, sample buffer."""
