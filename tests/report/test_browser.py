"""report.html in a real browser without a window, at the width of a desk and of a telephone.

It runs where Chromium or Chrome is installed, or where NNLAB_BROWSER names one. The page is measured by a script that
is added to a copy of it; the page itself is opened as it is as well, and must have nothing to complain about.
"""

import base64
import hashlib
import json
import re
import subprocess
from html import unescape

import pytest
from browser import BROWSER, NO_BROWSER, QUIET, opened
from pages import HOSTILE, png
from support import XOR, trained

from nnlab.report.page import Amount, HtmlTable, Page, Picture, Section, rendered

pytestmark = pytest.mark.skipif(BROWSER is None, reason=NO_BROWSER)

WIDTHS = (1280, 390)

# Before all else on the page: what goes wrong is remembered.
LISTEN = """
window.wrong = [];
addEventListener("error", (event) => wrong.push(`error: ${event.message || event.target.outerHTML}`), true);
addEventListener("unhandledrejection", (event) => wrong.push(`rejected: ${event.reason}`));
addEventListener("securitypolicyviolation", (event) => wrong.push(`${event.violatedDirective}: ${event.blockedURI}`));
"""

# When all is loaded: what there is, then each table is sorted by each of its columns, up and down.
MEASURE = """
addEventListener("load", () => {
  for (const section of document.querySelectorAll("details")) section.open = true;
  const root = document.documentElement;
  const column = (table, number) => [...table.tBodies[0].rows].map((row) => row.cells[number].textContent);
  const sorted = (table, number) => {
    const head = table.tHead.rows[0].cells[number], button = head.querySelector("button");
    if (!button) return null;
    button.focus();
    const focused = document.activeElement === button;
    button.click();
    const up = column(table, number), says = [head.getAttribute("aria-sort")];
    button.click();
    says.push(head.getAttribute("aria-sort"));
    const others = [...table.tHead.rows[0].cells].filter((other) => other !== head && other.hasAttribute("aria-sort"));
    return { up, down: column(table, number), says, focused, others: others.length };
  };
  const found = {
    width: innerWidth, needed: root.scrollWidth, language: root.lang,
    images: [...document.images].map((image) => [image.complete, image.naturalWidth, image.parentElement.clientWidth]),
    boxes: [...document.querySelectorAll(".scroll")].map((box) => [box.clientWidth, box.scrollWidth]),
    requests: performance.getEntriesByType("resource").map((entry) => entry.name.slice(0, 80)),
    background: getComputedStyle(document.body).backgroundColor,
    before: [...document.querySelectorAll("table")].map((table) => column(table, 0)),
    tables: [...document.querySelectorAll("table")].map(
      (table) => [...table.tHead.rows[0].cells].map((_, number) => sorted(table, number))),
    needed_after: root.scrollWidth, wrong,
  };
  parent.postMessage(JSON.stringify(found), "*");
});
"""

# No window is narrower than 500 pixels; a frame is. It hands on what is measured in it.
FRAME = """<!DOCTYPE html><title>frame</title><body><pre id="found"></pre><script>
addEventListener("message", (event) => { document.querySelector("#found").textContent = event.data; });
</script><iframe src="copy.html" style="border: 0; width: WIDTHpx; height: 900px"></iframe>
"""


def browse(file, folder, *options):
    return subprocess.run(
        [
            BROWSER,
            *QUIET,
            "--virtual-time-budget=5000",
            f"--user-data-dir={folder / 'profile'}",
            *options,
            file.as_uri(),
        ],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=180,
        check=True,
    )


def allowed(script):
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def measured(text, width, folder, *options):
    """What the browser finds on a page of that width. The copy may run two scripts more, and nothing else."""
    copy = text.replace("script-src ", f"script-src {allowed(LISTEN)} {allowed(MEASURE)} ", 1)
    copy = copy.replace('<meta name="viewport"', f'<script>{LISTEN}</script>\n<meta name="viewport"', 1)
    copy = copy.replace("</body>", f"<script>{MEASURE}</script>\n</body>", 1)
    assert copy.count("<script>") == 3
    (folder / "copy.html").write_text(copy, encoding="utf-8")
    frame = folder / "frame.html"
    frame.write_text(FRAME.replace("WIDTH", str(width)), encoding="utf-8")
    done = browse(frame, folder, "--window-size=1400,1000", "--dump-dom", *options)
    (found,) = re.findall('<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    return json.loads(unescape(found))


def complaints(text, folder):
    """What the browser's console says about a page as it is."""
    file = folder / "page.html"
    file.write_text(text, encoding="utf-8")
    done = browse(file, folder, "--enable-logging=stderr", "--dump-dom")
    return [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = trained(tmp_path_factory.mktemp("xor"), XOR, "--set", "training.health=true")
    return (folder / "report.html").read_text(encoding="utf-8")


def wide():
    """Everything at its worst: a table of many columns, gaps, endless words, and names that would like to be code."""
    columns = ["name", *(f"a rather long head {number}" for number in range(14))]
    rows = [[f"row {n}", *(None if (n + k) % 5 == 0 else (-1.5) ** n * 10.0**k for k in range(14))] for n in range(11)]
    words = HtmlTable(HOSTILE, ["name", HOSTILE], [["b", "x10"], ["a", "x9"], [HOSTILE, "é" * 400]])
    numbers = HtmlTable("numbers", columns, rows)
    picture = Picture(HOSTILE, png(2000, 10), HOSTILE)
    section = Section(HOSTILE, [HOSTILE, "w" * 900], [words, numbers], [picture], f"{HOSTILE}\n{'y' * 900}")
    return rendered(Page("t" * 300, HOSTILE, HOSTILE, "bad", [section] * 2))


@pytest.fixture(params=["report", "wide"])
def text(request):
    return request.getfixturevalue("report") if request.param == "report" else wide()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_page_fits_loads_and_sorts(text, width, tmp_path):
    found = measured(text, width, tmp_path)
    assert found["wrong"] == []
    assert [name for name in found["requests"] if not name.startswith("data:")] == []
    assert (found["width"], found["language"]) == (width, "en")
    assert found["needed"] <= width
    assert found["needed_after"] <= width
    assert found["images"]
    assert all(complete and natural > 0 and 0 < shown <= width for complete, natural, shown in found["images"])
    for before, columns in zip(found["before"], found["tables"], strict=True):
        assert [column is None for column in columns] == [len(before) < 2] * len(columns)
        for column in filter(None, columns):
            assert (column["says"], column["focused"], column["others"]) == (["ascending", "descending"], True, 0)
            assert sorted(column["up"]) == sorted(column["down"])
            known = [value for value in column["up"] if value != "–"]
            assert column["up"] == known + ["–"] * (len(column["up"]) - len(known))
            assert [value for value in column["down"] if value != "–"] == known[::-1] or len(set(known)) < len(known)


def test_a_click_sorts_by_number_and_words_by_the_numbers_in_them(tmp_path):
    rows = [["x10", 1e-9], ["x9", 200.0], ["x1", None], ["x2", -3.0], ["x3", 30]]
    text = rendered(Page("t", "a", "v", "plain", [Section("s", tables=[HtmlTable("c", ["name", "value"], rows)])]))
    ((names, values),) = measured(text, 1280, tmp_path)["tables"]
    assert names["up"] == ["x1", "x2", "x3", "x9", "x10"]
    assert values["up"] == ["-3", "1e-09", "30", "200", "–"]
    assert values["down"] == ["200", "30", "1e-09", "-3", "–"]


def test_a_wide_table_scrolls_in_its_own_box(tmp_path):
    found = measured(wide(), 390, tmp_path)
    assert all(box <= 390 for box, _ in found["boxes"])
    assert any(inside > box for box, inside in found["boxes"])


def test_a_dark_scheme_makes_a_dark_page(report, tmp_path):
    def brightness(*options):
        return sum(map(int, re.findall(r"\d+", measured(report, 1280, tmp_path, *options)["background"])))

    assert brightness("--blink-settings=preferredColorScheme=1") == 3 * 255
    assert brightness("--blink-settings=preferredColorScheme=0") < 100


def test_the_console_has_nothing_to_say(text, tmp_path):
    assert complaints(text, tmp_path) == []


def test_the_console_would_have_said_it(report, tmp_path):
    """A control: a script and a picture from elsewhere are refused, and that is seen."""
    planted = report.replace("<main>", '<main><script>alert(1)</script><img src="other.png" alt="">', 1)
    assert len(complaints(planted, tmp_path)) == 2


# --- as a person uses it ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("browser")) as one:
        yield one


@pytest.fixture
def page(tab, report, tmp_path):
    """The open report of a training, as wide as a desk."""
    (tmp_path / "report.html").write_text(report, encoding="utf-8")
    tab.look(1280)
    tab.open(tmp_path / "report.html")
    tab.until("document.querySelectorAll('.chart path').length > 2")
    return tab


@pytest.mark.parametrize("width", WIDTHS)
def test_curves_are_drawn_for_the_width_and_tell_their_values_under_the_pointer(page, width):
    page.look(width)
    page.until("document.querySelector('.chart > figure > svg').viewBox.baseVal.width < innerWidth")
    found = (
        "(({ left, top, width }) => [left, top, width])(document.querySelector('.chart svg').getBoundingClientRect())"
    )
    left, top, wide = page.evaluate(found)
    assert 300 < wide < (700 if width == 1280 else 390)
    page.evaluate(f"scrollTo(0, {top - 100})")
    page.point(left + wide / 2, page.evaluate(found)[1] + 80)
    page.until("document.querySelector('.chart .curves-where').textContent.startsWith('at step ')")


LONG = "leaky_relu(negative_slope=0.1) of_the_second_layer"


def chart_of(x, y, **more):
    series = [{"name": LONG, "look": 0, "x": x, "y": y, "members": [y, y]}]
    return {"title": "Accuracy", "x": "step", "percent": True, "log": False, "series": series, **more}


@pytest.fixture
def shown(tab, tmp_path):
    """A function that opens a page of some charts and tables at a width."""

    def show(width, charts=(), tables=()):
        text = rendered(Page("t", "a", "v", "plain", [Section("s", tables=tables, charts=charts)]))
        (tmp_path / "page.html").write_text(text, encoding="utf-8")
        tab.look(width)
        tab.open(tmp_path / "page.html")
        tab.until(f"document.querySelectorAll('.chart path').length >= {len(charts)}")
        return tab

    return show


NOTES = "document.querySelector('.curves-notes').textContent"
TICKS = "[...document.querySelectorAll('.curves text')].map((text) => text.textContent)"


def test_first_values_far_from_all_others_are_out_of_the_frame_which_is_said(shown):
    steps, shares = [*range(0, 210, 10)], [0.1, *([0.95, 0.96] * 10)]
    page = shown(1280, [chart_of(steps, shares, afterStart=True)])
    assert "↓ Some of the first steps lie below the frame." in page.evaluate(NOTES)
    assert not {"20 %", "50 %", "80 %"} & {*page.evaluate(TICKS)}
    page = shown(1280, [chart_of(steps, shares)])
    assert page.evaluate(NOTES) == ""
    assert "20 %" in page.evaluate(TICKS)


def test_a_few_measurements_are_marks_that_no_frame_leaves_out(shown):
    page = shown(1280, [chart_of([0, 100, 200], [0.1, 0.95, 0.96], afterStart=True)])
    assert page.evaluate(NOTES) == "Marks: measured; dotted: not in between."
    assert page.evaluate("document.querySelectorAll('.curves circle').length") == 3
    assert page.evaluate("document.querySelectorAll('.curves > svg path:not(.curves-sparse)').length") == 0


@pytest.mark.parametrize("width", WIDTHS)
def test_names_and_values_of_curves_stand_apart_and_no_number_is_broken(shown, width):
    page = shown(width, [chart_of([*range(20)], [0.951 + step / 999 for step in range(20)])])
    name, value = (
        page.evaluate(f"document.querySelector('.curves-{part}').getBoundingClientRect().toJSON()")
        for part in ("name", "value")
    )
    assert value["height"] < 30
    assert value["left"] >= name["right"] + 10 or value["top"] >= name["bottom"]
    assert value["right"] <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_headings_of_tables_are_whole_and_beside_their_numbers(shown, width):
    caption = "Mean over 20 seeds with its 95 % interval, at the best weights of each seed; the target is >= 0.95"
    columns = ["activation", "test accuracy", "reached target", "median steps", "diverged"]
    row = [LONG.split(maxsplit=1)[0], Amount(0.9592, "95.92 % (95.19 to 96.82)"), Amount(1.0, "100 %"), 220, 0]
    page = shown(width, [chart_of([0, 1], [0.5, 0.6])], [HtmlTable(caption, columns, [row])])
    overflowing = (
        "[...document.querySelectorAll('th, td')].filter((cell) => cell.scrollWidth > cell.clientWidth).length"
    )
    assert page.evaluate(overflowing) == 0
    right, box = page.evaluate(
        "[document.querySelector('caption'), document.querySelector('.scroll')]"
        ".map((part) => part.getBoundingClientRect().right)"
    )
    assert right <= box
    if width == 1280:
        assert page.evaluate("(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)"
                             "(document.querySelector('.scroll'))") == 0  # fmt: skip


def test_two_columns_at_a_desk_and_the_first_table_whole(page):
    sides = (
        "[...document.querySelector('.cells').children].map((cell) => Math.round(cell.getBoundingClientRect().left))"
    )
    assert len({*page.evaluate(sides)}) == 2
    assert page.evaluate(
        "(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth)(document.querySelector('.scroll'))"
    )
    page.look(390)
    assert len({*page.evaluate(sides)}) == 1


def test_a_wide_picture_takes_the_whole_page_and_others_half_of_it(tab, tmp_path):
    """At 1280 pixels: the type of a picture of 11 inches would be 7 pixels high in half of the page."""
    pictures = [Picture(str(width), png(width), "a") for width in (1320, 960, 960)]
    text = rendered(Page("t", "a", "v", "plain", [Section("s", pictures=pictures)]))
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    tab.look(1280)
    tab.open(tmp_path / "page.html")
    wide, *others = tab.evaluate("[...document.images].map((image) => image.getBoundingClientRect().width)")
    assert wide > 1150
    assert all(500 < width < 640 for width in others)


def test_a_link_unfolds_its_section_and_a_button_all(page):
    opened_ones = "[...document.querySelectorAll('details[open] h2')].map((head) => head.textContent)"
    assert page.evaluate(opened_ones) == []
    page.evaluate("[...document.querySelectorAll('nav a')].find((link) => link.textContent === 'Gates').click()")
    page.until(f"String({opened_ones}) === 'Gates'")
    page.evaluate("document.querySelector('nav button').click()")
    page.until("document.querySelector('nav button').textContent === 'close all'")
    assert len(page.evaluate(opened_ones)) == page.evaluate("document.querySelectorAll('details').length")
    assert page.complaints() == []


def test_a_dark_page_has_dark_pictures_but_no_negatives_of_images(tab, tmp_path):
    pictures = [Picture("a", png(), "a"), Picture("b", png(), "b", is_photographic=True)]
    text = rendered(Page("t", "a", "v", "plain", [Section("s", pictures=pictures)]))
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    filters = "[...document.images].map((image) => getComputedStyle(image).filter)"
    tab.look(1280, dark=True)
    tab.open(tmp_path / "page.html")
    plot, image = tab.evaluate(filters)
    assert "invert" in plot
    assert "invert" not in image
    tab.look(1280)
    assert tab.evaluate(filters) == ["none", "none"]


def test_a_training_is_at_most_four_pages_of_paper(page):
    paper = page.command("Page.printToPDF", printBackground=True)["data"]
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", base64.b64decode(paper))) <= 4
