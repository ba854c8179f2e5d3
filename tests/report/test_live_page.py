"""live.html and its curves in a real browser: what is written beside it is shown, and what is chosen on it stays."""

import signal
import subprocess
import time

import pytest
from browser import BROWSER, NO_BROWSER, opened
from pages import HOSTILE
from support import COMMAND, LONG, XOR, begun, environment

from nnlab.errors import printable
from nnlab.report.live import live_page, live_script

pytestmark = pytest.mark.skipif(BROWSER is None, reason=NO_BROWSER)

STATE = "document.querySelector('#state').textContent"
PLOT = "document.querySelector('.curves svg[role=slider]')"
LATER = "{ const now = Date.now; Date.now = () => now() + 3600e3; }"


def content(steps, status="training", **more):
    """What live.js would hold of a training after so many steps, at the present time."""
    x = list(range(0, steps + 1, 10))
    series = [
        {"name": "training", "look": 0, "x": x, "y": [1 / (1 + step) for step in x]},
        {"name": HOSTILE, "look": 1, "x": x, "y": [None, *([0.5] * (len(x) - 1))]},
    ]
    chart = {"title": "Loss", "x": "step", "percent": False, "log": False, "perEpoch": 20, "series": series}
    charts = [chart, *({**chart, "title": f"More {number}"} for number in range(4))]
    about = {"name": HOSTILE, "status": status, "written": time.time_ns() // 10**6, "every": 1.0, "notes": []}
    progress = {"step": steps, "steps": 1000, "epoch": steps / 20, "seconds": 3.0, "left": 9.0, "region": None}
    return about | progress | {"charts": charts} | more


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("browser")) as tab:
        yield tab


@pytest.fixture
def page(browser, tmp_path):
    """A function that writes live.js, and the open page of it."""

    def write(*what, **more):
        part = tmp_path / "live.js.part"
        part.write_text(live_script(content(*what, **more)), encoding="utf-8")
        part.replace(tmp_path / "live.js")

    (tmp_path / "live.html").write_text(live_page(HOSTILE), encoding="utf-8")
    write(200)
    browser.events.clear()
    browser.look(1280)
    browser.open(tmp_path / "live.html")
    browser.until("document.querySelectorAll('.curves').length === 5")
    browser.write = write
    return browser


def test_curves_grow_while_scrolling_focus_and_choices_stay_and_the_end_is_noticed(page):
    assert page.evaluate(STATE) == "Training."
    page.evaluate("scrollTo(0, 150); document.querySelectorAll('.curves-key button')[1].focus()")
    page.evaluate("document.querySelector('.curves figcaption button').click(); document.activeElement.click()")
    before = page.evaluate(f"{PLOT}.innerHTML")
    page.write(400)
    page.until(f"{PLOT}.getAttribute('aria-valuemax') === '400'")
    assert page.evaluate(f"{PLOT}.innerHTML") != before
    assert page.evaluate("document.querySelector('#now').textContent").startswith("Step 400 of 1,000 · epoch 20")
    chosen = "document.activeElement === document.querySelectorAll('.curves-key button')[1]"
    assert page.evaluate(f"[scrollY, {chosen}, document.activeElement.ariaPressed]") == [150, True, "false"]
    assert page.evaluate("document.querySelector('.curves figcaption button').ariaPressed") == "true"
    assert page.evaluate("document.querySelector('#report').hidden")
    page.write(1000, "completed")
    page.until(f"{STATE} === 'Completed.'")
    assert page.evaluate("[scrollY, document.querySelector('#report').hidden]") == [150, False]
    page.write(1000, "failed")  # an ended run is looked at no more
    time.sleep(1.5)
    assert page.evaluate(STATE) == "Completed."
    assert page.complaints() == []


def test_values_are_told_under_the_pointer_and_by_keys(page):
    box = page.evaluate(f"(({PLOT}).scrollIntoView(), {PLOT}.getBoundingClientRect().toJSON())")
    page.point(box["x"] + box["width"] - 30, box["y"] + 100)
    where = "document.querySelector('.curves-where').textContent"
    assert page.until(f"{where} !== 'latest values' && {where}") == "at step 200, epoch 10"
    page.point(1, 1)
    page.until(f"{where} === 'latest values'")
    page.evaluate(f"{PLOT}.focus()")
    page.press("ArrowLeft")
    assert page.evaluate(where) == "at step 190, epoch 9.5"
    value = "document.querySelector('.curves-value').textContent"
    assert page.evaluate(value) == "0.005236"
    page.press("Home")
    told = page.evaluate(f"{PLOT}.ariaValueText")
    assert told.startswith("at step 0, epoch 0: training 1, ")
    page.press("Escape")
    assert page.evaluate(where) == "latest values"


def test_texts_are_shown_as_texts(page):
    shown = "document.querySelectorAll('.curves-key span:not(.curves-value)')[1].textContent"
    assert page.evaluate(shown) == printable(HOSTILE)
    assert page.evaluate("document.querySelector('h1').textContent") == printable(HOSTILE)
    assert page.evaluate("document.querySelectorAll('main script, b').length") == 0
    assert page.complaints() == []


def test_an_interrupted_run_tells_the_whole_command_that_goes_on_with_it(page):
    page.write(500, "interrupted", goOn=f"nnlab train --resume {HOSTILE} --live; then look again")
    wanted = f"Interrupted. To go on: nnlab train --resume {printable(HOSTILE)} --live; then look again."
    assert page.until(f"{STATE}.startsWith('Interrupted') && {STATE}") == wanted


def test_a_run_that_gives_no_sign_of_life_is_noticed_and_looked_at_again(page):
    page.evaluate(LATER)
    page.until(f"{STATE}.startsWith('No sign of life for 1 h')")
    page.write(500)
    page.evaluate("document.querySelector('#again').click()")
    page.until(f"{STATE} === 'Training.'")
    page.until(f"{PLOT}.getAttribute('aria-valuemax') === '500'")


def test_a_page_opened_long_after_its_run_was_killed_says_so(page, tmp_path):
    page.write(200, written=time.time_ns() // 10**6 - 3600_000)
    page.open(tmp_path / "live.html")
    page.until(f"{STATE}.startsWith('No sign of life for 1 h')")


CLICK = "document.querySelector('#pause').click()"
HIDE, SHOW = (
    f"Object.defineProperty(document, 'hidden', {{ value: {value}, configurable: true }});"
    "document.dispatchEvent(new Event('visibilitychange'))"
    for value in ("true", "false")
)


@pytest.mark.parametrize(("pause", "go_on"), [(CLICK, CLICK), (HIDE, SHOW)], ids=["paused", "hidden"])
def test_a_page_that_is_paused_or_hidden_shows_nothing_new_until_it_is_looked_at(page, pause, go_on):
    page.evaluate(pause)
    time.sleep(0.3)  # what was being loaded is loaded
    page.write(300)
    time.sleep(1.5)
    assert page.evaluate(f"{PLOT}.getAttribute('aria-valuemax')") == "200"
    page.evaluate(go_on)
    page.until(f"{PLOT}.getAttribute('aria-valuemax') === '300'")


def test_a_user_who_wants_less_motion_is_shown_news_less_often(page, tmp_path):
    page.look(1280, reduced_motion=True)
    page.open(tmp_path / "live.html")
    page.until("document.querySelectorAll('.curves').length === 5")
    page.write(300)
    time.sleep(2)
    assert page.evaluate(f"{PLOT}.getAttribute('aria-valuemax')") == "200"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_fits_and_follows_the_colours_wanted(page, tmp_path, width, dark):
    page.look(width, dark=dark)
    page.open(tmp_path / "live.html")
    page.until("document.querySelectorAll('.curves path').length > 9")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, paper.removeprefix("rgb(").rstrip(")").split(","))) < 200) == dark


@pytest.mark.slow
def test_a_training_is_followed_killed_and_resumed(browser, tmp_path):
    process = begun(tmp_path, XOR, *LONG, "--live")
    (run,) = (tmp_path / "runs").glob("2*")
    browser.look(1280)
    browser.open(run / "live.html")
    step = "Number(document.querySelector('#now').textContent.replace(/[^0-9 ]/g, '').trim().split(' ')[0])"
    browser.until("document.querySelectorAll('canvas').length === 1")
    first = browser.evaluate(step)
    browser.until(f"{step} > {first}")
    process.kill()
    process.communicate()
    browser.evaluate(LATER)
    browser.until(f"{STATE}.startsWith('No sign of life')")
    words = [*COMMAND, "train", "--resume", run.name, "--live"]
    resumed = subprocess.Popen(words, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True)
    before = (run / "live.js").read_bytes()
    while (run / "live.js").read_bytes() == before:
        time.sleep(0.05)
    browser.evaluate("document.querySelector('#again').click()")
    browser.until(f"{STATE} === 'Training.'")
    resumed.send_signal(signal.SIGTERM)
    _, said = resumed.communicate(timeout=30)
    assert f"live: {run / 'live.html'}" in said
    browser.until(f"{STATE}.startsWith('Interrupted')")
