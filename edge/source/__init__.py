"""Sources of sound: microphones, files, streams, as blocks and windows."""
