"""Training: an audio encoder learns the embedding space of an image-text model."""
