"""The listener: numpy and onnxruntime, never a training framework."""
