"""The synthetic aviary: 24 species, sung and drawn, so that everything runs without real data."""
