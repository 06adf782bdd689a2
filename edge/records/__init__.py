"""Records: what they hold, where they are kept and printed."""
