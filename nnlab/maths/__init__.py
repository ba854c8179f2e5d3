"""Level 0, the mathematics: arrays in, arrays out. Nothing here knows of networks, files, clocks or terminals."""
