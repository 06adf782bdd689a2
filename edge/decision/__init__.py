"""When a species is reported."""
