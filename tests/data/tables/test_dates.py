"""Dates and times of day: their formats, the question of the order, and the numbers that they become."""

# ruff: noqa: DTZ001 - a moment in a cell has no zone

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import table

from nnlab.data.dates import FORMATS, DateCode, clock_hours, date_code, formats_of, hours_of, parsed

FEBRUARY = datetime(2020, 2, 25)
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2068, 12, 31)).map(lambda moment: moment.replace(microsecond=0))


# --- one cell ---


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("2020-02-25", ["iso"]),
        ("2020/2/25", ["iso"]),
        ("25/02/2020", ["day-first"]),
        ("25.2.2020", ["day-first"]),
        ("02/25/2020", ["month-first"]),
        ("2-25-20", ["month-first"]),
        ("25 Feb 2020", ["named"]),
        ("25-February-2020", ["named"]),
        ("Feb 25, 2020", ["named"]),
    ],
)
def test_a_date_in_each_format(text, forms):
    assert formats_of([text]) == forms
    assert parsed(text, forms[0]) == FEBRUARY


@pytest.mark.parametrize(
    "text",
    [
        *("", "2020", "2020-02", "2020-13-01", "2020-02-30", "30/02/2020", "25/13/2020", "2020-02/25", "25.02/2020"),
        *("25 Foo 2020", "Feb 2020", "2020-02-25 25:00", "2020-02-25 12:60", "20200225", "2020-02-25x"),
    ],
)
def test_what_is_no_date(text):
    assert formats_of([text]) == []


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2020-02-25T13:45", datetime(2020, 2, 25, 13, 45)),
        ("2020-02-25 13:45:10.5", datetime(2020, 2, 25, 13, 45, 10, 500_000)),
        ("2020-02-25T13:45:10Z", datetime(2020, 2, 25, 13, 45, 10)),
        ("2020-02-25T13:45:10+02:00", datetime(2020, 2, 25, 11, 45, 10)),
        ("2020-02-25T23:45:10-0130", datetime(2020, 2, 26, 1, 15, 10)),
        ("2020-02-25 1:05 PM", datetime(2020, 2, 25, 13, 5)),
        ("2020-02-25 12:05 am", datetime(2020, 2, 25, 0, 5)),
    ],
)
def test_a_time_beside_a_date(text, moment):
    assert parsed(text, "iso") == moment


@pytest.mark.parametrize(("year", "full"), [("68", 2068), ("69", 1969), ("99", 1999), ("00", 2000)])
def test_years_of_two_digits_are_those_of_posix(year, full):
    assert parsed(f"25/02/{year}", "day-first").year == full


@given(moment=MOMENTS)
def test_every_moment_is_read_back_in_every_format(moment):
    written = {
        "iso": f"{moment:%Y-%m-%d %H:%M:%S}",
        "day-first": f"{moment:%d/%m/%Y %H:%M:%S}",
        "month-first": f"{moment:%m/%d/%Y %H:%M:%S}",
        "named": f"{moment:%d %b %Y %H:%M:%S}",
        "%Y%m%d-%H%M%S": f"{moment:%Y%m%d-%H%M%S}",
    }
    assert {form: parsed(text, form) for form, text in written.items()} == dict.fromkeys(written, moment)


@given(moment=MOMENTS, ahead=st.integers(-14 * 60, 14 * 60))
def test_a_moment_with_a_zone_is_brought_to_utc(moment, ahead):
    local = moment.replace(tzinfo=UTC) + timedelta(minutes=ahead)
    sign, (hours, minutes) = "-" if ahead < 0 else "+", divmod(abs(ahead), 60)
    assert parsed(f"{local:%Y-%m-%dT%H:%M:%S}{sign}{hours:02}:{minutes:02}", "iso") == moment


@given(text=st.text(max_size=20), form=st.sampled_from([*FORMATS, "%d/%m/%Y"]))
def test_any_text_is_a_date_or_none(text, form):
    assert isinstance(parsed(text, form), datetime | None)
    assert clock_hours(text) is None or 0 <= clock_hours(text) < 24


@pytest.mark.parametrize(
    ("text", "hours"),
    [("07:45", 7.75), ("7:45", 7.75), ("00:00", 0), ("23:59:60", None), ("12:30:36", 12.51), ("12:15 AM", 0.25)],
)
def test_a_time_of_day(text, hours):
    assert clock_hours(text) == (None if hours is None else pytest.approx(hours))


# --- numbers of dates ---


@given(moment=MOMENTS, origin=st.dates(date(1970, 1, 1), date(2068, 1, 1)))
def test_a_date_becomes_days_year_month_weekday_and_hour(moment, origin):
    days, year, month, weekday, hour = DateCode("iso", origin.isoformat(), timed=True).of(moment)
    elapsed = moment - datetime.combine(origin, datetime.min.time())
    assert days == pytest.approx(elapsed.total_seconds() / 86_400, abs=1e-9)
    assert (year, month, weekday) == (moment.year, moment.month, moment.isoweekday())
    assert hour == hours_of(moment)


def test_the_origin_is_the_day_of_the_first_date():
    code = date_code("iso", ["2020-03-01 10:00", "2020-02-28 18:00"])
    assert code == DateCode("iso", "2020-02-28", timed=True, sign="-")
    assert code.numbers("2020-03-01 06:00") == (2.25, 2020, 3, 7, 6)
    assert code.numbers("soon") is None


# --- a column ---


def dated(form, start=datetime(2020, 1, 1), step=timedelta(days=1)):
    return table("d,y", lambda i: f"{start + i * step:{form}},{'pq'[i % 2]}")


def test_iso_dates_are_read_without_a_word(read):
    data = read(dated("%Y-%m-%d"))
    assert data.columns.input_names == ("d/days", "d/year", "d/month", "d/weekday")
    np.testing.assert_array_equal(data.x[:, 0], np.arange(30))
    np.testing.assert_array_equal(data.x[3], [3, 2020, 1, 6])  # a Saturday
    assert (data.notes, data.warnings) == ((), ())


def test_the_hour_is_an_input_where_dates_have_one(read):
    data = read(dated("%Y-%m-%d %H:%M", step=timedelta(hours=6)))
    assert data.columns.input_names[-1] == "d/hour"
    np.testing.assert_array_equal(data.x[:4, [0, 4]], [[0, 0], [0.25, 6], [0.5, 12], [0.75, 18]])


@pytest.mark.parametrize(
    ("form", "first"),
    [("%d/%m/%Y", "01/01/2020"), ("%m/%d/%Y", "01/01/2020"), ("%d.%m.%Y", "01.01.2020"), ("%d %b %Y", "01 Jan 2020")],
)
def test_one_day_above_12_decides_for_the_whole_column_and_is_told(read, form, first):
    data = read(dated(form))
    np.testing.assert_array_equal(data.x[:, 0], np.arange(30))
    assert data.notes == (f"column 'd' is read as dates: '{first}' as 2020-01-01",)


@pytest.mark.parametrize(
    ("sign", "year", "form"), [("/", "2020", "%Y"), ("-", "2020", "%Y"), ("/", "45", "%y")], ids=str
)
def test_day_or_month_first_is_a_question(fault_of, read, sign, year, form):
    content = table("d,y", lambda i: f"0{1 + i % 9}{sign}02{sign}{year},{'pq'[i % 2]}")
    fault = fault_of(content)
    day, month = (sign.join((*order, form)) for order in (("%d", "%m"), ("%m", "%d")))
    assert (fault.line, fault.column) == (2, 1)
    assert fault.message == (
        f"found dates such as '01{sign}02{sign}{year}' in column 'd', in which the day or the month may be first, "
        f'expected columns: {{d: {{date: "{day}"}}}} or {{date: "{month}"}} (lines 2, 4, 5, …)'
    )
    weekday = 1 if form == "%Y" else 5  # 3 February and 2 March are Mondays in 2020, and Fridays in 2045
    whole = int(year) if form == "%Y" else 2045
    assert read(content, columns={"d": ("date", day)}).x[2].tolist() == [2, whole, 2, weekday]
    assert read(content, columns={"d": ("date", month)}).x[2].tolist()[1:3] == [whole, 3]


def test_a_short_year_may_be_first_too(fault_of):
    fault = fault_of(table("d,y", lambda i: f"13-10-{10 + i % 18},{'pq'[i % 2]}"))
    assert "in which the day or the year may be first" in fault.message
    assert '{d: {date: "%d-%m-%y"}} or {date: "%y-%m-%d"}' in fault.message


def test_dates_that_are_the_same_in_either_order_are_no_question(read):
    assert read(table("d,y", lambda i: f"0{1 + i % 9}/0{1 + i % 9}/2020,{'pq'[i % 2]}")).x.shape == (30, 4)


@pytest.mark.parametrize("other", ["2020-02-25", "25 Feb 2020", "25/02/2020"])
def test_dates_in_two_formats_are_a_fault(fault_of, other):
    fault = fault_of(table("d,y", lambda i: f"{other if i % 3 else '02/28/2020'},{i % 2}"))
    assert fault.message == (
        f"found dates such as '02/28/2020' and '{other}' in column 'd', expected one way of writing them; "
        "columns: {d: category} or {d: ignore} (lines 2, 3, 4, …)"
    )


@pytest.mark.parametrize("first", [0, 7])
def test_some_words_among_dates_are_a_fault_wherever_they_stand(fault_of, first):
    fault = fault_of(table("d,y", lambda i: f"{'soon' if i % 15 == first else f'2020-01-{i % 28 + 1:02}'},{i % 2}"))
    assert fault.line == first + 2
    assert fault.message == (
        "found 2 cells of 30 in column 'd' that are no dates ('soon'), expected dates alone; "
        f"missing: [soon], or columns: {{d: category}} or {{d: ignore}} (lines {first + 2}, {first + 17}, …)"
    )


def test_missing_words_among_dates_are_blank_and_counted(read):
    data = read(
        table("d,y", lambda i: f"{f'2020-01-{i % 28 + 1:02}' if i % 5 else 'NA'},{'pq'[i % 2]}"), blanks="median"
    )
    assert np.isnan(data.x[::5]).all()
    assert np.isfinite(data.x[1::5]).all()
    assert data.notes == ("column 'd': 6 cells 'NA' read as blank",)


def test_dates_of_another_format_than_is_said(fault_of):
    fault = fault_of(dated("%d/%m/%Y"), columns={"d": ("date", "%Y-%m-%d")})
    assert fault.message.startswith(
        "found 30 cells of 30 in column 'd' that are no dates in the format '%Y-%m-%d' ('01/01/2020', '02/01/2020', "
    )
    assert "expected dates alone; another format, or columns: {d: category} or {d: ignore}" in fault.message


def test_a_format_may_be_anything_that_strptime_reads(read):
    data = read(dated("%Y%m%d"), columns={"d": ("date", "%Y%m%d")})
    np.testing.assert_array_equal(data.x[:, 0], np.arange(30))


def test_numbers_that_may_be_dates_are_warned_of(read):
    warnings = read(dated("%Y%m%d", step=timedelta(days=3))).warnings
    assert warnings == ("column 'd' is read as numbers, but 20200101 may be a date; columns: {d: {date: \"%Y%m%d\"}}",)


def test_times_of_day_become_hours_and_are_told(read):
    data = read(table("t,y", lambda i: f"{(i + 7) % 24:02}:45,{'pq'[i % 2]}"))
    np.testing.assert_array_equal(data.x[:3, 0], [7.75, 8.75, 9.75])
    assert data.notes == ("column 't' is read as hours of the day: '07:45' as 7.75",)


# --- zones and times that some cells lack ---


@pytest.mark.parametrize("zones", [("Z", "Z"), ("+01:00", "+02:00"), (" UTC", "-0500")])
def test_zones_at_all_times_are_told(read, zones):
    data = read(table("d,y", lambda i: f"2020-01-{i % 28 + 1:02} 10:00{zones[i % 2]},{'pq'[i % 2]}"))
    assert data.notes == ("column 'd': times with a zone are brought to UTC",)
    assert data.columns.inputs[0].date.zoned
    assert data.readings[0].why == "in UTC"


def test_zones_at_some_times_are_a_fault(fault_of):
    fault = fault_of(table("d,y", lambda i: f"2020-01-{i % 28 + 1:02} 10:00{'Z' if i % 3 else ''},{'pq'[i % 2]}"))
    assert (fault.line, fault.column) == (2, 1)
    assert fault.message.startswith(
        "found '2020-01-02 10:00Z' and '2020-01-01 10:00' in column 'd', expected a zone at all times or at none"
    )


def test_zones_at_some_times_are_a_fault_where_dates_are_said_too(fault_of):
    content = table("d,y", lambda i: f"2020-01-{i % 28 + 1:02} 10:00{'Z' if i % 3 else ''},{'pq'[i % 2]}")
    assert "expected a zone at all times or at none" in fault_of(content, columns={"d": ("date", "")}).message


@pytest.mark.parametrize("options", [{}, {"columns": {"d": ("date", "")}}])
def test_dates_among_times_are_read_as_midnight_and_warned_of(read, options):
    content = table("d,y", lambda i: f"2020-01-{i % 28 + 1:02}{' 10:00' if i % 3 else ''},{'pq'[i % 2]}")
    data = read(content, **options)
    assert data.warnings == ("column 'd': 10 dates such as '2020-01-01' without a time, read as midnight",)
    np.testing.assert_array_equal(data.x[:4, -1], [0, 10, 10, 0])


def test_a_text_that_is_partly_dates_is_warned_of(read):
    content = table(
        "d,a,y", lambda i: f"{f'2020-01-{i % 28 + 1:02}' if i % 2 else 'soon'},{i * 0.5},{'pq'[i // 2 % 2]}"
    )
    (warning,) = read(content).warnings
    assert warning == (
        "column 'd' is read as categories: 15 of 30 cells are dates, others not, such as 'soon'; "
        "if these stand for a blank: missing: [soon]; columns: {d: date} would refuse those"
    )


def test_new_dates_are_counted_from_the_same_day(read, read_like):
    columns = read(dated("%d/%m/%Y")).columns
    rows = read_like("d\n01/02/2020\n31/12/2019\n\n".replace("\n\n", "\n"), columns)
    np.testing.assert_array_equal(rows.x[:, :3], [[31, 2020, 2], [-1, 2019, 12]])
