"""Recognition of a window: encoder, search, fusion, what the station has learnt."""
