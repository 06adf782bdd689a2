"""From recordings to batches: decoding once, caching, drawing and augmenting windows."""
