"""Level 4, experiments: train, evaluate, check gradients, compare. Each is one function that reads like a sentence."""
