"""Distillation: anchors, losses, one step."""
