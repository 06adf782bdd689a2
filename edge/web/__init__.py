"""The web: a page to look at, and an API that other tools already speak."""
