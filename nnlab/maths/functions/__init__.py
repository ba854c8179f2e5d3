"""The functions behind the table of activations, each with its slope beside it.

sigmoids.py    bounded functions, and those built on exp(-|z|)
rectifiers.py  relu and its relations: piecewise functions
gates.py       x times a gate: gelu, silu, mish and theirs
curves.py      the rest: exponential, gaussian, periodic, bent
rows.py        functions of a whole row of units: softmax, maxout, glu
exact.py       the arithmetic that keeps their last digits
"""
