"""Level 1, data: file formats, synthetic sets, the catalogue, scaling, splits and batches."""
