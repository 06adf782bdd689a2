"""How a training runs: steps, ranks, resuming, validating, writing down."""
