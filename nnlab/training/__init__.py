"""Training: the loop, batches, early stopping, the guard against divergence, the health of units."""
