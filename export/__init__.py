"""Export: the trained encoder as ONNX, and proof that it is still the same encoder."""
