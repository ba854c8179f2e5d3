"""Setup: from a validated experiment and a data set to what runs: rows, network, optimizer, plan."""
