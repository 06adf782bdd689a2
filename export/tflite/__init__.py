"""TFLite networks as ONNX graphs, without TensorFlow."""
