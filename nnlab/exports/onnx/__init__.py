"""A network as an ONNX graph.

graph.py         tensors with operators, which add nodes to a graph
activations.py   every activation of the catalogue in ONNX operators
formulas.py      every operation of a formula
layers.py        every kind of layer, and the head
inputs.py        from the rows of a table to scaled inputs
model.py         all of it, with metadata
check.py         the graph against nnlab, on held rows
"""
