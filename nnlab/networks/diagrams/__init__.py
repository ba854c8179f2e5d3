"""Diagrams of a network: its layers, or each operation of a forward pass with the derivatives that flow back.

diagram.py       what a diagram is: nodes, edges, and the names that a network does not have
architecture.py  the layers of a network from its inputs to its loss
operations.py    each layer's formulas, forward and backward
text.py          a diagram as Mermaid and as DOT; `nnlab.pictures` draws it
"""
