"""The command line: parse, call one function of `nnlab.api`, show the result."""
