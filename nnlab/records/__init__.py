"""Level 3, records: run folders, checkpoints, plots. All writing and drawing happens here."""
