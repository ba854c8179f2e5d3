"""Layers, one file a kind: its description, its bound form with forward and backward, its forward-mode derivative."""
