"""A browser without a window, driven over two pipes: pages are opened, looked at and used as a person would."""

import base64
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = os.environ.get("NNLAB_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
NO_BROWSER = f"no browser: none of {', '.join(NAMES)}, no NNLAB_BROWSER"
QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-extensions",
         "--disable-background-networking", "--disable-component-update")  # fmt: skip


class Tab:
    """A page in the browser. Commands are those of the DevTools protocol: JSON, ended by a zero byte."""

    def __init__(self, to_browser, from_browser):
        self.to_browser, self.from_browser, self.number, self.session, self.events = (
            to_browser,
            from_browser,
            0,
            None,
            [],
        )
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.command(f"{domain}.enable")

    def command(self, method, **parameters):
        """Send a command and wait for its result; events that come meanwhile are kept."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        message |= {"sessionId": self.session} if self.session else {}
        self.to_browser.write(json.dumps(message).encode() + b"\0")
        self.to_browser.flush()
        while (answer := self._receive()).get("id") != self.number:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def _receive(self):
        content = bytearray()
        while (byte := self.from_browser.read(1)) != b"\0":
            assert byte, "the browser has gone"
            content += byte
        return json.loads(content)

    def look(self, width, *, dark=False, reduced_motion=False):
        """Set the width of the page, the colours and the motion that the user prefers."""
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.command("Emulation.setDeviceMetricsOverride", **metrics)
        wanted = {"prefers-color-scheme": "dark" if dark else "light"}
        wanted |= {"prefers-reduced-motion": "reduce"} if reduced_motion else {}
        features = [{"name": name, "value": value} for name, value in wanted.items()]
        self.command("Emulation.setEmulatedMedia", features=features)

    def open(self, path):
        """Open a file and wait until it is loaded."""
        self.command("Page.navigate", url=path.as_uri())
        self.until("document.readyState === 'complete'")

    def evaluate(self, script):
        """The value of an expression on the page."""
        answer = self.command("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def until(self, script, seconds=30):
        """Wait until an expression is true on the page, and its value."""
        deadline = time.monotonic() + seconds
        while not (value := self.evaluate(script)):
            assert time.monotonic() < deadline, f"not true within {seconds} s: {script}"
            time.sleep(0.05)
        return value

    def press(self, key):
        """Press a key such as ArrowLeft."""
        for kind in ("keyDown", "keyUp"):
            self.command("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def point(self, x, y):
        """Move the pointer."""
        self.command("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def complaints(self):
        """What the console said: errors, violations of the page's policy."""
        self.evaluate("0")
        wrong = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
        return [event for event in self.events if event.get("method") in wrong]

    def picture(self, path, *, whole=True):
        """Write what is seen to a PNG file."""
        found = self.command("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found["data"]))


@contextlib.contextmanager
def opened(folder):
    """A browser with its profile in this folder, and one tab in it."""
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    read, write = (fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (theirs_in, theirs_out))
    words = [BROWSER, *QUIET, f"--user-data-dir={folder / 'profile'}", "--remote-debugging-pipe"]
    process = subprocess.Popen(  # it reads its file 3 and writes its file 4
        ["bash", "-c", f'exec "$@" 3<&{read} 4>&{write}', "bash", *words],
        pass_fds=(read, write),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for end in (theirs_in, theirs_out, read, write):
        os.close(end)
    try:
        with os.fdopen(ours_out, "wb") as to_browser, os.fdopen(ours_in, "rb") as from_browser:
            yield Tab(to_browser, from_browser)
    finally:
        process.kill()
        process.wait()
