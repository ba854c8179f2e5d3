"""Trained networks for other programs: ONNX graphs, tensors in safetensors files, PyTorch modules."""
