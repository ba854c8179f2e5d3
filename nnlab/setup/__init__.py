"""Setup: from a validated experiment and a data set to the rows, network, optimizer and plan of a training."""
