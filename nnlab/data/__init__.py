"""Data: file formats, synthetic sets, the catalogue, scaling, splits and batches."""
