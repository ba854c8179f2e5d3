"""Level 5, the command line: parse, call one experiment, show what came of it."""
