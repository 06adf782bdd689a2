"""The neighbouring methods: bridges from sound to names other than text distillation."""
