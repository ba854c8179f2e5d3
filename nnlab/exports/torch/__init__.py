"""A network as PyTorch has it: names and shapes of an `nn.Sequential`, and its code. None of it needs PyTorch.

modules.py   every kind of layer and activation as a module, with its tensors
code.py      the Python file
"""
