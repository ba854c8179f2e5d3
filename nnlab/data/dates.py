"""Dates and times of day in cells, and the numbers that they become."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
PARTS = ("days", "year", "month", "weekday", "hour")

_SECONDS = r"(?::(?P<second>\d{2})(?P<fraction>\.\d+)?)?"
_TIME = rf"(?:[T ]+(?P<hour>\d{{1,2}}):(?P<minute>\d{{2}}){_SECONDS}\s*(?P<half>[AaPp][Mm])?"
_ZONE = r"\s*(?P<zone>Z|UTC|[+-]\d{2}:?\d{2})?)?"
_NAME = "(?P<name>[A-Za-z]{3,9})"
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(\.\d+)?)?\s*([AaPp][Mm])?")


def _pattern(date: str) -> re.Pattern[str]:
    return re.compile(date + _TIME + _ZONE)


# Each way of writing a date, by name; a column is read in one of them.
FORMATS: Mapping[str, tuple[re.Pattern[str], ...]] = {
    "iso": (_pattern(r"(?P<year>\d{4})(?P<sign>[-/.])(?P<month>\d{1,2})(?P=sign)(?P<day>\d{1,2})"),),
    "day-first": (_pattern(r"(?P<day>\d{1,2})(?P<sign>[-/.])(?P<month>\d{1,2})(?P=sign)(?P<year>\d{4}|\d{2})"),),
    "year-first": (_pattern(r"(?P<year>\d{2})(?P<sign>[-/.])(?P<month>\d{1,2})(?P=sign)(?P<day>\d{1,2})"),),
    "month-first": (_pattern(r"(?P<month>\d{1,2})(?P<sign>[-/])(?P<day>\d{1,2})(?P=sign)(?P<year>\d{4}|\d{2})"),),
    "named": (
        _pattern(rf"(?P<day>\d{{1,2}})[-. ]+{_NAME}[-., ]+(?P<year>\d{{4}}|\d{{2}})"),
        _pattern(rf"{_NAME}[-. ]+(?P<day>\d{{1,2}}),?[- ]+(?P<year>\d{{4}})"),
    ),
}


@dataclass(frozen=True)
class DateCode:
    """How a column of dates becomes numbers: the days since `origin`, the year, the month, the weekday, the hour.

    `format` is a key of FORMATS, or directives of `strptime`; `origin` is an ISO date, the earliest of the first table;
    weekdays are 1 (Monday) to 7; the hour, with its fraction, is there if the column is `timed`. Times of a `zoned`
    column have a zone, and are brought to UTC. `sign` stands between the numbers of a date, "" if there are several.
    A date of another table may be in ISO format, which has one reading.
    """

    format: str
    origin: str
    timed: bool
    zoned: bool = False
    sign: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the numbers."""
        return PARTS if self.timed else PARTS[:-1]

    def numbers(self, text: str) -> tuple[float, ...] | None:
        """The numbers of a cell; None if it is no date of this format."""
        found = parsed_again(text, self.format)
        return None if found is None else self.of(found)

    def of(self, moment: datetime) -> tuple[float, ...]:
        """The numbers of a moment."""
        days = (moment - datetime.fromisoformat(self.origin)) / timedelta(days=1)
        parts = (days, float(moment.year), float(moment.month), float(moment.isoweekday()), hours_of(moment))
        return parts if self.timed else parts[:-1]


def hours_of(moment: datetime) -> float:
    """The hours since midnight."""
    return moment.hour + moment.minute / 60 + (moment.second + moment.microsecond / 1e6) / 3600


def parsed(text: str, form: str) -> datetime | None:
    """The moment in a cell, without a zone (one with a zone is brought to UTC); None if it is none of this format."""
    if form not in FORMATS:
        try:
            return _without_zone(datetime.strptime(text, form))  # noqa: DTZ007 - `_without_zone` sees to it
        except ValueError:
            return None
    matches = (pattern.fullmatch(text) for pattern in FORMATS[form])
    match = next((found for found in matches if found), None)
    return None if match is None else _moment(match.groupdict())


def parsed_again(text: str, form: str) -> datetime | None:
    """The moment in a cell of another table: in the known format, or in ISO format, which has one reading."""
    return parsed(text, form) or (parsed(text, "iso") if form in FORMATS else None)


def _moment(parts: Mapping[str, str | None]) -> datetime | None:
    year = int(parts["year"] or 0)
    if len(parts["year"] or "") == 2:
        year += 2000 if year < 69 else 1900  # as in POSIX
    name = (parts.get("name") or "")[:3].lower()
    if name and name not in MONTHS:
        return None
    month = MONTHS.index(name) + 1 if name else int(parts["month"] or 0)
    hour = _hour(int(parts["hour"] or 0), parts["half"])
    try:
        moment = datetime(  # noqa: DTZ001 - its zone is taken off below
            year, month, int(parts["day"] or 0), hour, int(parts["minute"] or 0), int(parts["second"] or 0)
        )
    except ValueError:
        return None
    return moment + timedelta(seconds=float(parts["fraction"] or 0)) - _offset(parts["zone"] or "")


def _offset(zone: str) -> timedelta:
    """How far a zone such as +02:00 is ahead of UTC."""
    if zone[:1] not in ("+", "-"):
        return timedelta()
    ahead = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return ahead if zone[0] == "+" else -ahead


def _hour(hour: int, half: str | None) -> int:
    """The hour of 24, where a half of the day is given too."""
    return hour if half is None else hour % 12 + (12 if half.lower() == "pm" else 0)


def _without_zone(moment: datetime) -> datetime:
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def formats_of(texts: Iterable[str]) -> list[str]:
    """The formats of FORMATS in which every cell is a date."""
    left = list(FORMATS)
    for text in texts:
        left = [form for form in left if parsed(text, form)]
        if not left:
            break
    return left


def is_timed(texts: Iterable[str]) -> bool:
    """Whether some cell has a time of day beside its date."""
    return any(":" in text for text in texts)


_WITH_ZONE = re.compile(r".*\d:\d{2}.*(?:Z|UTC|[+-]\d{2}:?\d{2})")


def is_zoned(text: str) -> bool:
    """Whether a time of day has a zone behind it."""
    return bool(_WITH_ZONE.fullmatch(text))


# The directives of `strptime` for a date whose parts are in this order.
ORDERS = {"day-first": ("%d", "%m", "%y"), "month-first": ("%m", "%d", "%y"), "year-first": ("%y", "%m", "%d")}


def written_format(text: str, order: str) -> str:
    """The format, as in `%d/%m/%Y`, of a date such as 31/12/2020 whose parts are in an order."""
    sign = next(sign for sign in "/-." if sign in text)
    written = sign.join(ORDERS[order])
    return written.replace("%y", "%Y") if re.match(r"\d+.\d+.\d{4}", text) else written


def clock_hours(text: str) -> float | None:
    """The hours since midnight of a time of day such as 07:45; None for other texts."""
    match = _CLOCK.fullmatch(text)
    if match is None:
        return None
    hour, minute, second = _hour(int(match[1]), match[5]), int(match[2]), float((match[3] or "0") + (match[4] or ""))
    return hour + minute / 60 + second / 3600 if hour < 24 and minute < 60 and second < 60 else None


def date_code(form: str, texts: Iterable[str]) -> DateCode:
    """The code of a column whose cells are dates of the format `form`."""
    cells = list(texts)
    moments: list[datetime] = [found for text in cells if (found := parsed(text, form))]
    timed = is_timed(cells) if form in FORMATS else any(hours_of(moment) for moment in moments)
    signs = {sign_of(text) for text in cells}
    sign = signs.pop() if len(signs) == 1 else ""
    return DateCode(form, min(moments).date().isoformat(), timed, any(map(is_zoned, cells)), sign)


def sign_of(text: str) -> str:
    """What stands between the numbers of a date such as 31/12/2020; "" for others."""
    match = re.match(r"\d{1,4}([-/.])\d{1,2}\1\d", text)
    return match[1] if match else ""
