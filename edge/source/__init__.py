"""Where sound comes from: microphones, files, streams, as blocks and windows."""
