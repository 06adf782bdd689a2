"""The other bridges between sound and picture: one method a module, trained by the engine."""
