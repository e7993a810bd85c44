"""What a reader sees, and that it stays where it is."""

import json
import re
import unittest
from urllib.parse import quote

from support import ViewerTest


def lines(first, last, text="line"):
    return [f"{text} {number:05}" for number in range(first, last + 1)]


class ReadingTests(ViewerTest):
    def test_shows_the_last_entries_and_new_ones_as_they_come(self):
        self.server.push("web", lines(1, 700))
        page = self.open("/s/web")
        self.wait_last(page, "line 00700")
        self.server.push("web", ["fresh"])
        self.wait_last(page, "fresh")
        self.assertEqual(page.inner_text("#state"), "Streaming")
        self.assertLess(page.locator("#rows > .row").count(), 200)
        self.picture(page, "first-view")

    def test_opens_all_streams_first_and_later_the_last_view(self):
        self.server.push("web", ["one"])
        self.server.push("db/main", ["two"])
        page = self.open("/")
        self.wait_last(page, "two")
        self.assertEqual(page.url, f"{self.server.url}/q?stream=**")
        page.goto(f"{self.server.url}/s/web")
        self.wait_last(page, "one")
        page.goto(f"{self.server.url}/")
        page.wait_for_url("**/s/web")

    def test_waits_for_a_stream_that_does_not_exist(self):
        page = self.open("/s/later")
        self.wait_text(page, "#message", "Waiting for 'later': it does not exist yet")
        self.server.push("later", ["here"])
        self.wait_last(page, "here")

    def test_all_entries_can_be_reached_by_scrolling_up(self):
        self.server.push("web", lines(1, 2600))
        page = self.open("/s/web")
        self.wait_last(page, "line 02600")
        page.hover("#scroller")
        page.wait_for_function(
            """() => {
              const scroller = document.getElementById('scroller');
              scroller.scrollTop = Math.max(0, scroller.scrollTop - 400);
              const first = document.querySelector('#rows .message').textContent;
              return scroller.scrollTop === 0 && first.includes('line 00001');
            }""", polling=30)
        self.wait_text(page, "#count", "2,600 rows held")

    def test_what_is_read_does_not_move(self):
        self.server.push("web", lines(1, 3000))
        page = self.open("/s/web")
        self.wait_last(page, "line 03000")
        self.scroll_to_middle(page)
        self.wait_state(page, "paused")
        text, place = self.top_row(page)
        with self.subTest("entries come"):
            self.server.push("web", lines(3001, 3400))
            self.wait_text(page, "#state", "400 new")
            self.assertEqual(self.place(page, text), place)
        with self.subTest("lines wrap, and do not"):
            for _ in range(2):
                page.keyboard.press("w")
                self.settle(page)
                self.assertEqual(self.place(page, text), place)
        with self.subTest("the window becomes narrower and wider"):
            for width in (700, 1200):
                page.set_viewport_size({"width": width, "height": 700})
                self.settle(page)
                top = page.evaluate("document.getElementById('scroller').getBoundingClientRect().top")
                if width == 1200:
                    self.assertEqual(self.place(page, text), place)
                else:
                    self.assertAlmostEqual(self.place(page, text) - top, 0, delta=20)
        with self.subTest("the filter changes"):
            page.fill("#filter", "line")
            self.wait_text(page, "#streams", "web")
            page.wait_for_url("**filter=line**")
            page.wait_for_function("(t) => document.querySelector('#rows').textContent.includes(t)", arg=text)
        with self.subTest("the end"):
            page.keyboard.press("Escape")
            page.keyboard.press("End")
            self.wait_last(page, "line 03400")
            self.wait_state(page, "live")

    def test_pages_before_are_read_without_a_jump(self):
        self.server.push("web", lines(1, 3000))
        page = self.open("/s/web")
        self.wait_last(page, "line 03000")
        page.hover("#scroller")
        held = page.inner_text("#count")
        # Small steps up: each row that is in sight before and after one moves by the step.
        jumps = page.evaluate(
            """async () => {
              const scroller = document.getElementById('scroller');
              const frame = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
              const places = () => new Map([...document.querySelectorAll('#rows > .row')].map(
                row => [row.textContent, row.getBoundingClientRect().top]));
              const jumps = [];
              scroller.scrollTop = 4000;
              await frame();
              await frame();
              for (let step = 0; step < 200; step++) {
                const before = places();
                const from = scroller.scrollTop;
                scroller.scrollTop -= 37;
                await frame();
                await frame();
                const moved = 37;
                for (const [text, top] of places()) {
                  if (before.has(text) && Math.abs(top - before.get(text) - moved) > 1 && from > 40) {
                    jumps.push([step, text.slice(-10), top - before.get(text)]);
                    break;
                  }
                }
              }
              return jumps;
            }""")
        self.assertEqual(jumps, [])
        self.assertNotEqual(page.inner_text("#count"), held)

    def test_pause_counts_what_comes_and_loses_nothing(self):
        self.server.push("web", lines(1, 100))
        page = self.open("/s/web")
        self.wait_last(page, "line 00100")
        page.click("#pause")
        self.server.push("web", [{"msg": "bad", "level": "error"}] * 3 + lines(101, 200))
        self.wait_text(page, "#new", "103 new, 3 errors")
        self.wait_text(page, "#state", "Paused, 103 new, 3 errors")
        self.picture(page, "paused")
        page.click("#new")
        self.wait_last(page, "line 00200")
        self.wait_text(page, "#count", "203 rows held")
        self.assertFalse(page.is_visible("#new"))

    def test_leads_to_an_entry_in_its_place(self):
        self.server.push("web", lines(1, 3000))
        page = self.open("/s/web@1500", wait=False)
        page.wait_for_selector(".row.chosen")
        self.assertIn("line 01500", page.inner_text(".row.chosen"))
        page.wait_for_function("() => document.querySelectorAll('#rows > .row').length > 20")
        page.keyboard.press("End")
        self.wait_last(page, "line 03000")
        page.goto(f"{self.server.url}/s/web@20-25")
        page.wait_for_function("() => document.querySelectorAll('.row.chosen').length === 6")

    def test_several_streams_are_in_the_order_of_time(self):
        second = "2026-01-10T12:00:%02d.000Z"
        self.server.push("a", [{"time": second % n, "msg": f"at {n:02}"} for n in range(0, 60, 2)])
        self.server.push("b/c", [{"time": second % n, "msg": f"at {n:02}"} for n in range(1, 60, 2)])
        page = self.open("/q?stream=a&stream=b/*")
        self.wait_last(page, "at 59")
        shown = [re.search(r"at \d\d", text)[0] for text in self.messages(page)]
        self.assertEqual(shown, sorted(shown))
        self.server.push("a", [{"time": second % 30, "msg": "late"}])
        self.wait_text(page, "#note", "1 entry came late")

    def test_an_entry_opens_with_its_attributes(self):
        self.server.push("web", [
            {"msg": "taken", "level": "warn", "http": {"status": 503, "id": 12345678901234567}, "tags": ["a", "b"]},
            json.dumps({"event": "login", "user": {"name": "bob"}}),
        ])
        page = self.open("/s/web")
        self.wait_last(page, "login")
        page.dblclick(".row >> nth=0")
        page.wait_for_selector(".detail")
        detail = page.inner_text(".detail")
        self.assertIn("12345678901234567", detail)
        self.assertIn("web@1", detail)
        self.picture(page, "opened")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_function("() => document.querySelectorAll('.detail').length === 2")
        self.assertIn("bob", page.inner_text(".detail >> nth=1"))
        page.locator(".detail li", has_text="status").last.get_by_text("=", exact=True).click()
        page.wait_for_url(f"**filter={quote('http.status:503')}**")
        self.wait_last(page, "taken")
        self.assertEqual(len(self.messages(page)), 1)

    def test_shows_numbers_that_are_gone(self):
        self.server.push("web", lines(1, 50))
        self.server.request("DELETE", "/api/v1/streams/web?before_seq=11")
        self.server.request("DELETE", "/api/v1/streams/web?from_seq=20&to_seq=29")
        page = self.open("/s/web")
        self.wait_last(page, "line 00050")
        self.assertEqual(
            self.texts(page, ".row.gap"), ["10 entries trimmed: web@1-10", "10 entries deleted or lost: web@20-29"])

    def test_a_stream_that_is_completed_says_so(self):
        self.server.push("task/1", [{"msg": "done", "log_type": "success"}])
        page = self.open("/s/task/1")
        self.server.request("POST", "/api/v1/streams/task/1/complete", b"over")
        self.wait_state(page, "complete")
        self.assertEqual(page.inner_text("#state"), "Complete")
        self.wait_last(page, "complete over")
        self.assertEqual(page.locator(".row.type-success").count(), 1)

    def test_states_of_containers_are_badges_and_marked_rows(self):
        self.server.push("docker/web", [{"msg": "container started", "action": "start", "status": "Up"}], kind="status")
        self.server.push("docker/web", [{"msg": "to out", "stream": "stdout"}, {"msg": "to err", "stream": "stderr"}])
        page = self.open("/s/docker/web")
        self.wait_text(page, "#badge", "Up")
        self.wait_last(page, "to err")
        self.assertEqual(page.locator(".row.output-stderr").count(), 1)
        self.server.push("docker/web", [{"msg": "gone", "action": "die", "status": "Exited (1)"}], kind="status")
        self.wait_text(page, "#badge", "Stopped")
        self.wait_last(page, "gone")
        self.assertEqual(page.locator(".row.kind-status").count(), 2)
        self.assertEqual(page.inner_text("#stream"), "Stop")
        self.wait_text(page, "#state", "Stopped")
        self.picture(page, "container")

    def test_a_stopped_stream_starts_again_by_the_button_or_with_its_container(self):
        self.server.push("docker/web", ["first"])
        page = self.open("/s/docker/web")
        for number, start in enumerate(("button", "container")):
            page.click("#stream")
            self.wait_text(page, "#state", "Stopped")
            self.assertEqual(page.inner_text("#stream"), "Start")
            self.server.push("docker/web", [f"unseen {number}"])
            # This one comes behind it, and is heard.
            self.server.push("docker/web", [{"msg": "said", "status": f"busy {number}"}], kind="status")
            self.wait_text(page, "#badge", f"busy {number}")
            self.assertNotIn(f"unseen {number}", page.inner_text("#rows"))
            if start == "button":
                page.keyboard.press("z")
            else:
                started = {"msg": "started", "action": "restart", "status": "Up"}
                self.server.push("docker/web", [started], kind="status")
                self.wait_text(page, "#badge", "Up")
            self.wait_text(page, "#state", "Streaming")
            self.assertEqual(page.inner_text("#stream"), "Stop")
            page.wait_for_function(
                "(text) => document.getElementById('rows').textContent.includes(text)", arg=f"unseen {number}")
        self.server.push("docker/web", ["last"])
        self.wait_last(page, "last")
        self.wait_text(page, "#count", "7 rows held, all there are")


if __name__ == "__main__":
    unittest.main()
