"""Engine of a training: steps, ranks, resuming, validating, writing down."""
