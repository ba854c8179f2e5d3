"""Comparison: many arms under the same seeds: variants and points, workers, conclusions, tables, pictures, reports."""
