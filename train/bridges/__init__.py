"""The neighbouring methods: other bridges from sound to picture, on the same engine."""
