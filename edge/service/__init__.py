"""Running as a service of systemd, for years."""
