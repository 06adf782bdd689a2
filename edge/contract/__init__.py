"""What a bundle is and what the four packages agree on: numpy and the standard library only."""
