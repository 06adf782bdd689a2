"""The command that looks at a corpus before something is trained on it."""
