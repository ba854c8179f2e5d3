"""Runs: the folders that commands leave on the disk, and every document in them."""
