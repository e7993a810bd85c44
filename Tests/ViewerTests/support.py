"""What the viewer's tests share: a server of their own, a browser, and what every page has to keep."""

import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from playwright.sync_api import sync_playwright

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARIES = pathlib.Path(os.environ.get("LOGS_BINARIES", ROOT / ".build/debug"))
WEB = ROOT / "Sources/Server/Web"

# Takes the page's files from the tree instead of the program: changes can be tried without a build.
FROM_TREE = bool(os.environ.get("VIEWER_FROM_TREE"))

# Where pictures of the page go; none are taken without it.
PICTURES = os.environ.get("VIEWER_PICTURES")

TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class Server:
    """logsd with a data directory that is removed at the end."""

    def __init__(self, *flags):
        self.flags = flags
        self.directory = tempfile.mkdtemp(prefix="logs-viewer-")
        self.process = None
        self.port = 0
        self.start()

    def start(self):
        command = [
            BINARIES / "logsd", "--data", f"{self.directory}/data", "--listen", "127.0.0.1:0", "--listen-http",
            f"127.0.0.1:{self.port}", "--listen-http", f"unix:{self.directory}/http", "--log-stream", "no", *self.flags,
        ]
        with open(f"{self.directory}/errors", "ab") as errors:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        while not (line := self.process.stdout.readline()).startswith("ready http+unix:"):
            if not line:
                raise RuntimeError(pathlib.Path(f"{self.directory}/errors").read_text())
            if line.startswith("ready http://"):
                self.port = int(line.rsplit(":", 1)[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def remove(self):
        self.kill()
        shutil.rmtree(self.directory)

    def request(self, method, path, body=None, **headers):
        """Over the Unix socket, where the test may do everything."""
        connection = http.client.HTTPConnection("localhost", timeout=60)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(f"{self.directory}/http")
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {text}")
        return json.loads(text) if text.startswith((b"{", b"[")) else text

    def push(self, stream, entries, kind="log", **headers):
        """Entries are texts, or objects as `logs push --format json` takes them."""
        objects = [{"msg": entry} if isinstance(entry, str) else entry for entry in entries]
        body = "\n".join(json.dumps(each) for each in objects)
        path = f"/api/v1/streams/{stream}/entries?kind={kind}"
        return self.request("POST", path, body.encode(), **{"Content-Type": "application/x-ndjson"}, **headers)

    def stored(self, stream):
        """All entries of a stream."""
        entries = []
        while True:
            after = entries[-1]["seq"] if entries else 0
            page = self.request("GET", f"/api/v1/streams/{stream}/entries?after={after}&limit=500")
            entries += page
            if len(page) < 500:
                return entries


class ViewerTest(unittest.TestCase):
    """A test with a server and a browser.

    At its end no page may have had an error, broken its policy or asked elsewhere.
    """

    flags = ()

    @classmethod
    def setUpClass(cls):
        cls.playwright = sync_playwright().start()
        # A page that a test has put in the place of the server's may not use addresses of this machine otherwise.
        arguments = ["--no-sandbox"] + FROM_TREE * ["--disable-features=LocalNetworkAccessChecks"]
        cls.browser = cls.playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.playwright.stop()

    def setUp(self):
        self.server = Server(*self.flags)
        self.addCleanup(self.server.remove)
        self.faults = []
        self.allowed = []
        self.addCleanup(self.check_faults)

    def check_faults(self):
        faults = [fault for fault in self.faults if not any(re.search(each, fault) for each in self.allowed)]
        self.assertEqual(faults, [])

    def open(self, path, width=1200, height=700, wait=True, url=None, **options):
        context = self.browser.new_context(viewport={"width": width, "height": height}, **options)
        self.addCleanup(context.close)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error} {error.stack}"))
        page.on("console", lambda message: message.type == "error" and self.faults.append(f"console: {message.text}"))
        page.on("request", lambda request: self.check_request(request.url, url))
        if FROM_TREE:
            page.route(re.compile(r"/web/[a-z]+\.(js|css|svg)$"), self.from_tree)
            page.route(lambda address: "/web/" not in address and "/api/" not in address, self.page_from_tree)
        page.goto((url or self.server.url) + path)
        if wait:
            self.wait_state(page, "live")
        return page

    def check_request(self, address, url):
        own = (url or self.server.url).split("//")[1]
        if re.match(r"(https?|wss?)://", address) and address.split("//")[1].split("/")[0] != own:
            self.faults.append(f"request to {address}")

    @staticmethod
    def from_tree(route):
        path = WEB / route.request.url.split("/web/")[1]
        route.fulfill(body=path.read_bytes(), content_type=TYPES[path.suffix])

    @staticmethod
    def page_from_tree(route):
        if route.request.resource_type != "document":
            return route.fallback()
        answer = route.fetch(max_redirects=0)
        base = re.search(r'data-base="([^"]*)"', answer.text()) if answer.status == 200 else None
        if not base:
            return route.fulfill(response=answer)
        route.fulfill(response=answer, body=(WEB / "index.html").read_text().replace("{base}", base[1]))

    # What a page shows

    @staticmethod
    def wait_state(page, state):
        page.wait_for_selector(f"#state[data-state='{state}']")

    @staticmethod
    def wait_text(page, selector, text):
        page.wait_for_function("([s, t]) => document.querySelector(s).textContent.includes(t)", arg=[selector, text])

    @staticmethod
    def wait_last(page, text):
        """Until the last row has a text."""
        page.wait_for_function(
            "(t) => [...document.querySelectorAll('#rows > .row .message')].at(-1)?.textContent.includes(t)", arg=text)

    @classmethod
    def texts(cls, page, selector):
        """Of all elements of the list that a selector finds."""
        cls.settle(page)
        return page.eval_on_selector_all(f"#rows > {selector}", "all => all.map(each => each.textContent)")

    @classmethod
    def messages(cls, page):
        return cls.texts(page, ".row .message")

    @classmethod
    def place(cls, page, text):
        """How far down a row is in the list, in pixels; None if it is not in the document."""
        cls.settle(page)
        return page.evaluate(
            """(text) => {
              const row = [...document.querySelectorAll('#rows > .row')].find(each => each.textContent.includes(text));
              return row ? row.getBoundingClientRect().top : null;
            }""", text)

    @staticmethod
    def settle(page):
        """Until two frames have been painted: rows are held, and counted, before a frame shows them."""
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def scroll_to_middle(self, page):
        """Away from the end, to where nothing has to be read."""
        page.hover("#scroller")
        page.evaluate("() => { const s = document.getElementById('scroller'); s.scrollTop = s.scrollHeight / 2; }")
        self.settle(page)
        self.settle(page)

    def top_row(self, page):
        """The text of the first row that is wholly in sight, and its place."""
        self.settle(page)
        return page.evaluate(
            """() => {
              const scroller = document.getElementById('scroller').getBoundingClientRect();
              const top = scroller.top + document.getElementById('spacer').offsetTop;
              for (const row of document.querySelectorAll('#rows > .row')) {
                const place = row.getBoundingClientRect();
                if (place.top >= top) return [row.querySelector('.message').textContent, place.top];
              }
            }""")

    def picture(self, page, name):
        if PICTURES:
            page.screenshot(path=f"{PICTURES}/{name}.png")


def wait_until(test, timeout=20):
    """Polls for what no page can tell."""
    end = time.monotonic() + timeout
    while not test():
        if time.monotonic() > end:
            raise TimeoutError("it did not come true")
        time.sleep(0.01)
