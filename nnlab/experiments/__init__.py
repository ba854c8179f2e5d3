"""Experiments: train, resume, evaluate and verify one network; divergence; a training's pictures and report."""
