"""Contract of the four packages, the bundle above all: numpy and the standard library only."""
