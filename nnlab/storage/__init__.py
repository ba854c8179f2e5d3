"""Runs: the folders that commands write, and every document in them."""
