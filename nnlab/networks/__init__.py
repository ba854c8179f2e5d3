"""Networks: layers, the layout of their parameters in theta, and the passes through them."""
