"""The command line: parse, call one function of `nnlab.api`, show what came of it."""
