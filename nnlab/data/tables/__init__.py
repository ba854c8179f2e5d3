"""Tables: text separated by commas and other signs, read strictly, and how their columns become numbers."""

from nnlab.data.tables.dropping import BLANKS
from nnlab.data.tables.first import OpenTaskError
from nnlab.data.tables.reading import (
    describe_table,
    infer_task,
    likely_target,
    read_csv,
    read_csv_like,
    written_as,
)

__all__ = [
    "BLANKS",
    "OpenTaskError",
    "describe_table",
    "infer_task",
    "likely_target",
    "read_csv",
    "read_csv_like",
    "written_as",
]
