"""The way of a block of sound to a record."""
