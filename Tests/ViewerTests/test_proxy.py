"""The page behind nginx, with its usual buffering and idle time-out."""

import pathlib
import random
import shutil
import subprocess
import tempfile
import unittest

from support import ViewerTest, wait_until
from test_reading import lines

CONFIGURATION = """
daemon off;
pid {directory}/pid;
error_log {directory}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{server};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_read_timeout {timeout}s;
    }}
  }}
}}
"""


# How many batches come between cuts.
SEED = random.SystemRandom().randrange(1_000_000)


class ProxyTests(ViewerTest):
    def setUp(self):
        super().setUp()
        self.directory = tempfile.mkdtemp(prefix="logs-viewer-nginx-")
        self.addCleanup(shutil.rmtree, self.directory)
        self.port = random.SystemRandom().randrange(20_000, 30_000)
        self.nginx = None
        self.addCleanup(self.stop)

    def start(self, timeout=60, configuration=CONFIGURATION):
        path = pathlib.Path(self.directory, "nginx.conf")
        path.write_text(configuration.format(
            directory=self.directory, port=self.port, server=self.server.port, timeout=timeout))
        self.nginx = subprocess.Popen(["/usr/sbin/nginx", "-c", path, "-e", f"{self.directory}/error.log"])
        wait_until(lambda: pathlib.Path(self.directory, "pid").exists())

    def stop(self):
        if self.nginx:
            # Its fast stop: connections are cut.
            self.nginx.terminate()
            self.nginx.wait(20)
            pathlib.Path(self.directory, "pid").unlink(missing_ok=True)
            self.nginx = None

    def test_nothing_is_missing_or_twice_after_cuts(self):
        self.allowed = ["Failed to load resource", "WebSocket connection"]
        print(f"\nseed {SEED}", flush=True)
        self.start()
        self.server.push("web", lines(1, 20))
        page = self.open("/s/web", url=f"http://127.0.0.1:{self.port}")
        pushed = 20
        dice = random.Random(SEED)
        for _ in range(20):
            for _ in range(dice.randrange(4)):
                self.server.push("web", lines(pushed + 1, pushed + 5))
                pushed += 5
            self.stop()
            self.server.push("web", lines(pushed + 1, pushed + 5))
            pushed += 5
            self.wait_state(page, "waiting")
            self.start()
            page.evaluate("() => dispatchEvent(new Event('online'))")
            self.wait_state(page, "live")
            self.wait_last(page, f"line {pushed:05}")
            self.wait_text(page, "#note", "0 missing")
        self.wait_text(page, "#count", f"{pushed} rows held")

    def test_without_websockets_events_take_their_place(self):
        self.allowed = ["WebSocket connection", "Failed to load resource"]
        print(f"\nseed {SEED}", flush=True)
        plain = CONFIGURATION.replace("proxy_set_header Upgrade $http_upgrade;", "")
        self.start(configuration=plain)
        self.server.push("w/a", lines(1, 20))
        self.server.push("w/b", lines(1, 20))
        url = f"http://127.0.0.1:{self.port}"
        pages = [
            self.open("/s/w/a", url=url), self.open("/s/w/a?filter=line", url=url), self.open("/q?stream=w/*", url=url)]
        for page in pages:
            self.wait_text(page, "#note", "live by events: no WebSocket comes through")
            self.assertEqual(page.inner_text("#state"), "Streaming")
        self.picture(pages[0], "events")
        pushed = 20
        dice = random.Random(SEED)

        def push():
            self.server.push("w/a", lines(pushed + 1, pushed + 5))
            self.server.push("w/b", lines(pushed + 1, pushed + 5))
            return pushed + 5

        def check():
            for page, count in zip(pages, (pushed, pushed, 2 * pushed)):
                self.wait_text(page, "#count", f"{count} rows held")
                self.wait_state(page, "live")

        for _ in range(5):
            for _ in range(dice.randrange(4)):
                pushed = push()
            check()
            self.stop()
            pushed = push()
            for page in pages:
                self.wait_state(page, "waiting")
            self.start(configuration=plain)
            for page in pages:
                page.evaluate("() => dispatchEvent(new Event('online'))")
            check()
            self.wait_text(pages[0], "#note", "0 missing")
        # What was paused goes on as well.
        pages[0].click("#pause")
        pushed = push()
        self.wait_text(pages[0], "#state", "5 new")
        pages[0].keyboard.press("End")
        # Once WebSockets come through, they are used again.
        self.stop()
        self.start()
        for page in pages:
            self.wait_text(page, "#count", "rows held")
            page.wait_for_function(
                """() => {
                  dispatchEvent(new Event('online'));
                  return !document.getElementById('note').textContent.includes('by events')
                    && document.getElementById('state').dataset.state === 'live';
                }""", polling=500)
        pushed = push()
        check()

    def test_without_anything_live_what_is_stored_is_shown(self):
        self.allowed = ["WebSocket connection", "Failed to load resource", "EventSource"]
        self.start()
        self.server.push("web", ["stored"])
        page = self.open("/s/other", url=f"http://127.0.0.1:{self.port}")
        refused = [True]
        page.route_web_socket("**/api/v1/ws", lambda each: each.close() if refused else each.connect_to_server())
        page.route("**/follow?**", lambda each: each.abort() if refused else each.continue_())
        page.goto(f"http://127.0.0.1:{self.port}/s/web")
        self.wait_text(page, "#note", "neither a WebSocket nor events come through")
        self.wait_last(page, "stored")
        # What came between that page and the first live entry is not left out.
        self.server.push("web", ["meanwhile"])
        refused.clear()
        page.evaluate("() => dispatchEvent(new Event('online'))")
        self.wait_last(page, "meanwhile")
        self.wait_text(page, "#count", "2 rows held")

    def test_a_quiet_stream_outlives_the_idle_timeout(self):
        # The server breaks the silence every 15 s; nginx gives up after 60 s unless it is told otherwise.
        self.start(timeout=20)
        self.server.push("web", ["first"])
        page = self.open("/s/web", url=f"http://127.0.0.1:{self.port}")
        self.wait_last(page, "first")
        page.wait_for_timeout(45_000)
        self.server.push("web", ["still here"])
        self.wait_last(page, "still here")
        self.assertEqual(page.inner_text("#note"), "")


if __name__ == "__main__":
    unittest.main()
