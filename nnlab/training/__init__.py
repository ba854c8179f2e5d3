"""Level 2, training: the loop (a generator) and its stopping rules."""
