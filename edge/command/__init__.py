"""Commands of `birdlisten`, a module each."""
