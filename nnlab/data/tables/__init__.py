"""Tables: text separated by commas and other signs, read strictly, and how their columns become numbers."""

from nnlab.data.tables.reading import identifiers, read_csv, read_csv_like, read_table

__all__ = ["identifiers", "read_csv", "read_csv_like", "read_table"]
