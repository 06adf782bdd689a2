"""Real birds: recordings and photographs, split so that nothing leaks, and measured."""
