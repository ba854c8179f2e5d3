"""Experiments: train, resume, evaluate and verify one network; look into a divergence; a training's pictures and report."""
