"""What `birdlisten` does, a module a command."""
