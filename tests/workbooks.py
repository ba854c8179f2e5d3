"""Workbooks for tests, written by hand: a .xlsx file is a zip of a few XML files."""

import datetime as dt
import zipfile
from xml.sax.saxutils import escape

_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_FORMATS = (0, 14, 22, 21, 46)  # general, a date, a moment, a time of day, a duration: numbers of built-in formats
_DATE, _MOMENT, _TIME, _DURATION = 1, 2, 3, 4
_EPOCH = dt.datetime(1899, 12, 30)  # noqa: DTZ001 - a workbook knows no zones


class Xml(str):
    """The XML of a cell, `REF` in it stands for the cell's place."""

    __slots__ = ()


def formula(text, value):
    """A cell with a formula, and the number that it had when the workbook was saved."""
    return Xml(f'<c r="REF"><f>{escape(text)}</f><v>{value}</v></c>')


def error(text):
    """A cell whose formula failed: #N/A, #DIV/0!"""
    return Xml(f'<c r="REF" t="e"><v>{escape(text)}</v></c>')


def place(row, column):
    """The name of a cell, both numbers from 1: A1, AB12."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return f"{letters}{row}"


def cell(value, at):
    """The XML of a cell; None leaves it out."""
    if value is None:
        return ""
    if isinstance(value, Xml):
        return value.replace("REF", at)
    if isinstance(value, bool):
        return f'<c r="{at}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        return f'<c r="{at}"><v>{value!r}</v></c>'
    if isinstance(value, str):
        return f'<c r="{at}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
    style, days = _as_days(value)
    return f'<c r="{at}" s="{style}"><v>{days!r}</v></c>'


def _as_days(value):
    day = dt.timedelta(days=1)
    if isinstance(value, dt.timedelta):
        return _DURATION, value / day
    if isinstance(value, dt.time):
        return _TIME, (dt.datetime.combine(_EPOCH, value) - _EPOCH) / day
    if isinstance(value, dt.datetime):
        return _MOMENT, (value - _EPOCH) / day
    return _DATE, (value - _EPOCH.date()).days


def sheet(rows, first=(1, 1), extra=""):
    """The XML of a sheet whose first cell is at row and column `first`."""
    top, left = first
    lines = [
        f'<row r="{i}">{"".join(cell(value, place(i, j)) for j, value in enumerate(row, left))}</row>'
        for i, row in enumerate(rows, top)
    ]
    return f"{_HEAD}<worksheet {_MAIN}><sheetData>{''.join(lines)}</sheetData>{extra}</worksheet>"


def parts(sheets, settings=""):
    """The files of a workbook, by name; `sheets` has the XML of each by its title, `settings` more of workbook.xml."""
    numbers = range(1, len(sheets) + 1)
    titles = "".join(
        f'<sheet name="{escape(title)}" sheetId="{i}" r:id="rId{i}"/>' for i, title in enumerate(sheets, 1)
    )
    links = [(i, "worksheet", f"worksheets/sheet{i}.xml") for i in numbers]
    links.append((len(sheets) + 1, "styles", "styles.xml"))
    formats = "".join(f'<xf numFmtId="{number}" applyNumberFormat="1"/>' for number in _FORMATS)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml."
    return {
        "[Content_Types].xml": f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}sheet.main+xml"/>'
        + "".join(
            f'<Override PartName="/xl/worksheets/sheet{i}.xml" ContentType="{kind}worksheet+xml"/>' for i in numbers
        )
        + "</Types>",
        "_rels/.rels": _links([(1, "officeDocument", "xl/workbook.xml")]),
        "xl/workbook.xml": f'{_HEAD}<workbook {_MAIN} xmlns:r="{_OFFICE}">{settings}'
        f"<sheets>{titles}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": _links(links),
        "xl/styles.xml": f"{_HEAD}<styleSheet {_MAIN}><cellXfs>{formats}</cellXfs></styleSheet>",
        **{f"xl/worksheets/sheet{i}.xml": xml for i, xml in enumerate(sheets.values(), 1)},
    }


def _links(links):
    found = "".join(
        f'<Relationship Id="rId{i}" Type="{_OFFICE}/{kind}" Target="{target}"/>' for i, kind, target in links
    )
    return f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{found}</Relationships>'


def zipped(path, files):
    """Write the files of a workbook."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def workbook(path, rows, first=(1, 1), **sheets):
    """Write a workbook with these rows in a first sheet, and more sheets by their titles."""
    return zipped(path, parts({"Sheet1": sheet(rows, first), **{title: sheet(more) for title, more in sheets.items()}}))
