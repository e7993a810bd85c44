"""That a page follows: cuts, filters, floods, what is hostile in logs, and how fast an entry is on the screen."""

import datetime
import os
import re
import subprocess
import time
import unittest

from support import BINARIES, ViewerTest
from test_reading import lines

# How long entries flood the page. FLOOD_SECONDS=180 takes the three minutes that are promised.
FLOOD_SECONDS = float(os.environ.get("FLOOD_SECONDS", "6"))


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


class FollowingTests(ViewerTest):
    def test_goes_on_after_the_server_was_killed_without_hole_or_double(self):
        self.allowed = ["Failed to load resource", "WebSocket connection"]
        self.server.push("web", lines(1, 100))
        page = self.open("/s/web?filter=line")
        plain = self.open("/s/web")
        for each in (page, plain):
            self.wait_last(each, "line 00100")
        for cut in range(3):
            self.server.kill()
            for each in (page, plain):
                self.wait_state(each, "waiting")
            if cut == 0:
                self.picture(plain, "reconnecting")
            self.server.start()
            first = 101 + 50 * cut
            self.server.push("web", lines(first, first + 49))
            self.server.push("web", ["other"])
            for each in (page, plain):
                self.wait_state(each, "live")
            self.wait_text(plain, "#note", "0 missing")
            self.assertRegex(plain.inner_text("#note"), r"resumed at \d+, 0 missing")
        self.wait_last(page, "line 00250")
        self.wait_text(plain, "#count", "253 rows held")
        shown = self.held(plain)
        self.assertEqual(shown, [entry["message"] for entry in self.server.stored("web")])
        self.assertEqual(self.held(page), [text for text in shown if text != "other"])

    def held(self, page):
        """All rows of the page, by scrolling from its start to its end."""
        page.keyboard.press("Home")
        texts = {}
        last = -1
        while True:
            self.settle(page)
            self.settle(page)
            for number, text in page.eval_on_selector_all(
                    "#rows > .row[id]",
                    "all => all.map(row => [row.row.seq, row.querySelector('.message').textContent])"):
                texts[number] = text
            top = page.evaluate("() => (document.getElementById('scroller').scrollTop += 300)")
            if top == last:
                return [text for _, text in sorted(texts.items())]
            last = top

    def test_a_stream_that_was_deleted_and_begun_anew(self):
        self.server.push("web", lines(1, 10))
        page = self.open("/s/web")
        self.wait_last(page, "line 00010")
        self.server.request("DELETE", "/api/v1/streams/web")
        self.server.push("web", ["anew"])
        self.wait_last(page, "anew")
        page.wait_for_function("() => document.querySelectorAll('#rows > .row').length === 1")

    def test_pages_on_one_stream_show_the_same_rows(self):
        pages = [self.open("/s/web") for _ in range(3)]
        for number in range(10):
            self.server.push("web", lines(10 * number + 1, 10 * number + 10))
        for page in pages:
            self.wait_last(page, "line 00100")
        shown = [self.held(page) for page in pages]
        self.assertEqual(shown, [lines(1, 100)] * 3)

    def test_a_filter_acts_on_what_is_stored_and_on_what_comes(self):
        self.allowed = ["status of 400"]
        self.server.push("web", [
            {"msg": f"line {n}", "level": "error" if n % 10 == 0 else "info"} for n in range(1, 501)])
        page = self.open("/s/web")
        self.wait_last(page, "line 500")
        page.select_option("#level", "error")
        page.wait_for_url("**level=error**")
        self.wait_text(page, "#count", "50 rows held")
        page.fill("#filter", "line -100")
        self.wait_text(page, "#count", "49 rows held")
        count = self.server.request("GET", "/api/v1/count?stream=web&filter=line%20-100&level=error")["count"]
        self.assertEqual(count, 49)
        self.server.push("web", [{"msg": "line a", "level": "info"}, {"msg": "line b", "level": "fatal"}])
        self.wait_last(page, "line b")
        self.wait_text(page, "#count", "50 rows held")
        self.picture(page, "filtered")
        page.fill("#filter", "line AND (")
        page.wait_for_selector("#problem")
        self.assertEqual(page.get_attribute("#filter", "aria-invalid"), "true")
        page.fill("#filter", "")
        page.wait_for_selector("#problem", state="hidden")
        self.wait_last(page, "line b")

    def test_a_rare_match_in_a_long_stream_is_found(self):
        self.server.push("web", ["needle"] + lines(1, 999))
        for first in range(1000, 30_000, 1000):
            self.server.push("web", lines(first, first + 999))
        page = self.open("/s/web?filter=needle")
        self.wait_last(page, "needle")
        page.goto(f"{self.server.url}/s/web?filter=nothing")
        self.wait_text(page, "#message", "No entry passes")

    def test_highlighting_hides_nothing_and_leads_to_matches(self):
        self.server.push("web", ["the Needle"] + lines(2, 2000))
        page = self.open("/s/web")
        self.wait_last(page, "line 02000")
        page.fill("#highlight", "needle 1999")
        page.wait_for_selector(".mark")
        self.assertEqual(page.locator(".mark").all_inner_texts(), ["1999"])
        page.keyboard.press("Escape")
        page.keyboard.press("n")
        page.wait_for_function("() => document.querySelector('.row.chosen')?.textContent.includes('1999')")
        page.keyboard.press("n")
        page.wait_for_function("() => document.querySelector('.row.chosen')?.textContent.includes('the Needle')")

    def test_what_is_hostile_in_logs_stays_text(self):
        evil = [
            "<script>document.title='owned'</script>", "<img src=x onerror=\"document.title='owned'\">",
            "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2J", "a\u202egnp.exe\u2066 \u2028 \u2029",
            "'\"><svg/onload=document.title='owned'>", "{\"a\": \"<b>bold</b>\"}", "nul \x00 bell \x07",
        ]
        name = "evil/<b>".replace("<", "").replace(">", "")
        attributes = {"<img src=x onerror=alert(1)>": "<script>alert(1)</script>", "__proto__": {"polluted": True}}
        self.server.push(name, [{"msg": text, "source": text, **attributes} for text in evil])
        page = self.open(f"/s/{name}?highlight=<b>&filter=")
        page.wait_for_function("() => document.querySelectorAll('#rows > .row').length === 7")
        self.assertIn("U+202E", page.inner_text("#rows"))
        for number in reversed(range(7)):
            page.dblclick(f"#rows > .row >> nth={number} >> .column-time")
        page.keyboard.press("f")
        page.wait_for_selector("#facets .fact")
        self.settle(page)
        self.assertNotIn("owned", page.title())
        self.assertEqual(page.locator("#rows img, #rows script, #rows b, #facets img").count(), 0)
        self.assertTrue(page.locator("#rows .fg-1", has_text="red").count() > 0)
        self.assertIsNone(page.evaluate("() => ({}).polluted ?? null"))
        # Neither the address nor what is kept may bring scripts in.
        page.goto(f"{self.server.url}/s/x?filter=%22%3Cscript%3E%22&zone=%3Cb%3E&columns=%3Cimg%3E")
        self.wait_state(page, "live")

    def test_one_giant_line_freezes_nothing(self):
        giant = "begin " + "x y " * (1 << 18)
        self.server.push("web", ["before", giant[: 1 << 20], "after"])
        page = self.open("/s/web")
        self.wait_last(page, "after")
        page.keyboard.press("w")
        self.wait_last(page, "after")
        self.assertIn("more characters", page.inner_text("#rows"))
        page.dblclick("#rows > .row >> nth=1 >> .column-time")
        page.wait_for_selector(".whole")
        page.get_by_role("button", name="Show more").click()
        self.assertLess(len(page.inner_text("#rows")), 1 << 18)

    def test_addresses_are_written_seldom(self):
        self.server.push("web", lines(1, 500))
        page = self.open("/s/web")
        self.wait_last(page, "line 00500")
        page.evaluate("""() => {
          window.writes = 0;
          const original = history.replaceState;
          history.replaceState = function (...values) { window.writes += 1; return original.apply(this, values); };
        }""")
        start = time.monotonic()
        for _ in range(60):
            page.keyboard.press("k")
        page.wait_for_url("**/s/web@44*")
        self.assertLessEqual(page.evaluate("window.writes"), 2 + (time.monotonic() - start) / 0.5)

    def test_source_to_screen(self):
        """Says how long 1,000 lines at 100/s take from their time to the screen."""
        self.server.push("web", ["first"])
        page = self.open("/s/web")
        start = time.monotonic()
        count = 1_000
        for number in range(count):
            time.sleep(max(0, start + number / 100 - time.monotonic()))
            self.server.push("web", [{"time": now(), "msg": f"line {number:05}"}])
        self.wait_last(page, f"line {count - 1:05}")
        # Those that came before the page followed, or that were never painted, are not counted.
        page.wait_for_function(f"() => Number(document.getElementById('latency').dataset.count) >= {count // 10}")
        print(f"\nsource to screen: {page.inner_text('#latency')}", flush=True)
        self.assertIn("p99", page.inner_text("#latency"))

    def test_a_flood_is_told_and_every_entry_stays_reachable(self):
        page = self.open("/s/web")
        reader = self.open("/s/web?wrap=1")
        for each in (page, reader):
            self.watch(each)
        memory = page.context.new_cdp_session(page)
        heaps = []
        pushed = 0
        for part in range(6):
            pushed = self.flood("web", FLOOD_SECONDS / 6, pushed)
            if part == 0:
                self.wait_last(reader, "line")
                self.scroll_to_middle(reader)
                self.wait_state(reader, "paused")
                text, place = self.top_row(reader)
            memory.send("HeapProfiler.collectGarbage")
            heaps.append(round(memory.send("Runtime.getHeapUsage")["usedSize"] / 1e6))
            self.assertEqual(self.place(reader, text), place)
        self.wait_last(page, f"line {pushed:05}")
        self.assertLessEqual(page.locator("#rows > .row").count(), 200)
        held = int(re.sub(r"\D", "", page.inner_text("#count")))
        self.assertLessEqual(held, 50_000)
        frames = page.evaluate("() => window.frames_.sort((a, b) => a - b)[window.frames_.length >> 1]")
        print(f"""
flood: {pushed} entries in {FLOOD_SECONDS:.0f} s, {held} held, heap in MB after each sixth: {heaps}, \
median frame {frames:.1f} ms, longest task {page.evaluate("window.longest"):.0f} ms, \
with lines that wrap {reader.evaluate("window.longest"):.0f} ms""", flush=True)
        # What was forgotten is read again.
        page.evaluate("() => document.getElementById('scroller').focus()")
        page.keyboard.press("Home")
        page.wait_for_function("() => document.querySelector('#rows .message')?.textContent.includes('line 00001')")
        page.keyboard.press("End")
        self.wait_last(page, f"line {pushed:05}")

    @staticmethod
    def watch(page):
        page.evaluate("""() => {
          window.longest = 0;
          new PerformanceObserver(list => {
            for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration);
          }).observe({ type: 'longtask' });
          window.frames_ = [];
          let last = performance.now();
          const frame = (now) => {
            window.frames_.push(now - last);
            last = now;
            requestAnimationFrame(frame);
          };
          requestAnimationFrame(frame);
        }""")

    def flood(self, stream, seconds, pushed):
        """Pushes about 10,000 entries a second behind those that are there; returns how many there are."""
        start = time.monotonic()
        first = pushed
        while time.monotonic() < start + seconds:
            time.sleep(max(0, start + (pushed - first) / 10_000 - time.monotonic()))
            self.server.push(stream, lines(pushed + 1, pushed + 100))
            pushed += 100
        return pushed


class LoginTests(ViewerTest):
    def test_a_page_asks_for_a_token_and_leads_back(self):
        secret = subprocess.run(
            [BINARIES / "logsd", "token", "create", "--data", f"{self.server.directory}/data", "--name", "reader",
             "--allow", "read:web"], capture_output=True, text=True, check=True).stdout.strip()
        self.server.push("web", ["secret line"])
        self.allowed = ["401", "WebSocket connection", "net::ERR"]
        page = self.open("/s/web?filter=secret", wait=False)
        page.wait_for_url("**/login")
        self.picture(page, "login")
        page.fill("input[name=token]", secret)
        page.click("button")
        page.wait_for_url("**/s/web?filter=secret")
        self.wait_last(page, "secret line")
        self.assertIn("reader", page.inner_text("#who"))
        page.click("#settings")
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url("**/login")


if __name__ == "__main__":
    unittest.main()
