"""What the experiment says of a table: how it is written, and what its columns are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

# What a column may be said to be: a date may have a format, as in `("date", "%d/%m/%Y")`.
ColumnKind = tuple[Literal["number", "category", "date", "ignore"], str]


@dataclass(frozen=True)
class TableOptions:
    """Each field is the key of `data:` of the same name; what is not said is found in the whole file.

    `target` None is the last column. `separator` and `decimal` are "auto" or a sign, `thousands` a sign or None,
    `header` "auto", True or False, and `names` the columns' names of a file without a header. `missing` None counts the
    usual words for a blank among numbers and dates; a tuple counts exactly these words, in every column. `columns` has
    the kind of each column that is named. `weight`, `split`, `group` and `time` name a column, `keep` some.

    `trusted` says that the table is known: each column is used as it is, and none is left out.
    """

    target: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()
    blanks: str = "refuse"
    separator: str = "auto"
    decimal: str = "auto"
    thousands: str | None = None
    header: Literal["auto", True, False] = "auto"
    names: tuple[str, ...] | None = None
    missing: tuple[str, ...] | None = None
    columns: Mapping[str, ColumnKind] = field(default_factory=dict)
    max_categories: int = 40
    unseen: str = "warn"
    bad_rows: str = "error"
    weight: str | None = None
    split: str | None = None
    group: str | None = None
    time: str | None = None
    keep: tuple[str, ...] = ()
    files: Mapping[str, str] | None = None
    trusted: bool = False
