"""Decision: the rules by which a species is reported."""
