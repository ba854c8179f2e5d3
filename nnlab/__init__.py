"""nnlab: a laboratory for activation functions and small neural networks.

Importing the package loads neither numpy nor matplotlib, so that `nnlab --help` is quick; import the part you need,
for example `nnlab.maths.activations` or `nnlab.experiments`.
"""

__version__ = "0.1.0"
