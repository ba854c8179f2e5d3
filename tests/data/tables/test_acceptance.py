"""Twelve tables as a new user brings them, each of which is read right or asked about."""

import numpy as np
import pytest
from support import ROOT, table

from nnlab.data.tables import infer_task
from nnlab.data.tables.options import TableOptions
from nnlab.errors import DataError

IRIS = (ROOT / "data" / "iris.csv").read_text(encoding="utf-8").partition("\n")[2]


def test_1_iris_without_a_header(read, fault_of):
    fault = fault_of(IRIS, task="multiclass")
    assert "found a first line that may be names or a row" in fault.message
    assert "'5.1', '3.5', '1.4', '0.2', 'setosa'" in fault.message
    assert len(read(IRIS, task="multiclass", header=False).x) == 150


def test_2_a_table_of_text_whose_target_is_named(read):
    content = "color,shape,kind\nred,round,apple\ngreen,long,pear\nred,round,apple\ngreen,round,pear\n"
    data = read(content, target=["kind"])
    assert data.columns.input_names == ("color=green", "color=red", "shape=long", "shape=round")
    assert len(data.x) == 4


def test_3_years_as_names(read, fault_of):
    content = "name,2019,2020\nNorth,1,2\nSouth,3,4\nEast,5,6\nWest,5,7\n"
    assert "'name', '2019', '2020'; expected header: true, or header: false" in fault_of(content).message
    data = read(content, task="regression", header=True)
    assert data.columns.targets == ("2020",)
    assert len(data.x) == 4


def test_4_horsepower_with_six_question_marks(read, fault_of):
    power = ["?" if i % 65 == 0 else 60 + i % 50 for i in range(390)]
    content = table("mpg,horsepower,weight", lambda i: f"{20 + i % 7}.5,{power[i]},{2000 + 3 * i}", 390)
    options = {"task": "regression", "target": ["mpg"]}
    fault = fault_of(content, **options)
    assert fault.message.startswith("found 6 blanks in column 'horsepower' (lines 2, 67, 132, …)")
    data = read(content, blanks="median", **options)
    assert data.columns.input_names == ("horsepower", "weight")
    assert data.notes == ("column 'horsepower': 6 cells '?' read as blank",)
    assert data.readings[1].missing == 6


def test_5_codes_of_countries_with_namibia(read):
    content = table("country,size,y", lambda i: f"{['NA', 'ZA', 'BW'][i % 3]},{i * 0.5},{i % 2}")
    data = read(content)
    assert data.columns.inputs[0].categories == ("BW", "NA", "ZA")
    (warning,) = data.warnings
    assert "'NA' (10 rows)" in warning
    assert "missing: [NA]" in warning


def test_6_semicolons_and_decimal_commas(read):
    data = read("id;x;y\n1;1,5;a\n2;2,25;b\n3;3,5;a\n4;1;b\n")
    np.testing.assert_array_equal(data.x, [[1.5], [2.25], [3.5], [1]])


def test_7_prices_that_are_all_like_1_234(fault_of):
    fault = fault_of('price,y\n"1,234",a\n"2,345",b\n"3,456",a\n')
    assert fault.message == (
        "found numbers such as '1,234' in column 'price', whose comma may be a decimal mark or group thousands, "
        'expected decimal: "," or thousands: ","'
    )


def test_8_money_and_a_percent_sign_among_plain_numbers(read, fault_of):
    rows = ['"$1,200.50",12%,a', '"$1,300.00",0.3,b', '"$1,400.25",14%,a']
    fault = fault_of("\n".join(["price,share,y", *rows]))
    assert (fault.line, fault.column) == (2, 2)
    assert "found '12%' and '0.3' in column 'share', expected one symbol at every number or at none" in fault.message
    data = read("\n".join(["price,share,y", *rows]), ignore=["share"])
    np.testing.assert_array_equal(data.x, [[1200.5], [1300], [1400.25]])
    assert data.notes == ("column 'price' is read as numbers: '$1,200.50' as 1200.5",)


def test_9_zip_codes(read):
    data = read(table("zip,size,y", lambda i: f"{['02134', '10001', '90210'][i % 3]},{i * 0.5},{i % 2}"))
    assert data.columns.inputs[0].categories == ("02134", "10001", "90210")
    (note,) = data.notes
    assert note == (
        "column 'zip' is read as categories: codes such as '02134' have a leading zero "
        "(columns: {zip: number} if they are numbers)"
    )


def test_10_dates_with_the_day_or_the_month_first(fault_of):
    fault = fault_of(table("joined,size,y", lambda i: f"0{1 + i % 9}/02/2020,{i * 0.5},{i % 2}"))
    assert fault.message == (
        "found dates such as '01/02/2020' in column 'joined', in which the day or the month may be first, expected "
        'columns: {joined: {date: "%d/%m/%Y"}} or {date: "%m/%d/%Y"} (lines 2, 4, 5, …)'
    )


def test_11_an_index_of_pandas_a_short_header_of_r_and_trailing_commas(read):
    rows = [f"{i * 0.5},{i % 7},{'pq'[i % 2]}" for i in range(30)]
    plain = read("\n".join(["a,b,y", *rows]))
    index = read("\n".join([",a,b,y", *(f"{i},{row}" for i, row in enumerate(rows))]))
    short = read("\n".join(["a,b,y", *(f"row {i},{row}" for i, row in enumerate(rows))]))
    commas = read("\n".join(["a,b,y", *(f"{row}," for row in rows)]))
    assert {data.fingerprint for data in (index, short, commas)} == {plain.fingerprint}
    assert len(index.notes) == len(short.notes) == len(commas.warnings) == 1


def test_12_ratings_from_1_to_5(write):
    path = write(table("a,b,rating", lambda i: f"{i * 0.5},{i % 7},{1 + i % 5}"))
    with pytest.raises(DataError, match=r"expected task: regression \(an amount\) or task: multiclass"):
        infer_task(path, TableOptions())
