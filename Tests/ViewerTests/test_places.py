"""That no view has holes, that a place is found again, and that what is odd ends no page."""

import json
import pathlib
import threading
import time
import unittest

from support import ViewerTest
from test_reading import lines


class PlaceTests(ViewerTest):
    def seen(self, page, steps=400):
        """Numbers by stream of all rows from where the page is to its end, by scrolling down."""
        found = {}
        last = None
        for _ in range(steps):
            self.settle(page)
            for stream, number in page.eval_on_selector_all(
                    "#rows > .row[id]", "all => all.map(each => [each.row.stream, each.row.seq])"):
                found.setdefault(stream, set()).add(number)
            place = page.evaluate(
                """() => {
                  const s = document.getElementById('scroller');
                  s.scrollTop += 400;
                  return [s.scrollTop, s.scrollHeight, document.getElementById('state').textContent];
                }""")
            if place == last:
                return found
            last = place
            self.settle(page)
        return found

    def assert_dense(self, found):
        for stream, numbers in found.items():
            missing = sorted(set(range(min(numbers), max(numbers) + 1)) - numbers)
            self.assertEqual(missing, [], stream)

    def test_a_completed_stream_is_shown(self):
        self.server.push("task/1", ["one", "two"])
        self.server.request("POST", "/api/v1/streams/task/1/complete", b"over")
        page = self.open("/s/task/1", wait=False)
        self.wait_last(page, "complete over")
        self.assertEqual(page.inner_text("#state"), "Complete")
        self.wait_text(page, "#count", "3 rows held, all there are")

    def test_a_stream_that_is_created_while_the_page_opens_is_shown_whole(self):
        self.server.push("web", ["one", "two"])
        page = self.open("/s/other")
        page.route(
            "**/api/v1/streams?pattern=web", lambda route: route.fulfill(json={"streams": [], "more": False}))
        page.evaluate("() => { history.pushState(null, '', '/s/web'); dispatchEvent(new PopStateEvent('popstate')); }")
        self.wait_last(page, "two")
        self.wait_text(page, "#count", "2 rows held")

    def test_ways_to_and_fro_leave_no_holes(self):
        for first in range(1, 12_000, 1000):
            self.server.push("web", lines(first, first + 999))
        page = self.open("/s/web@3000?filter=line%20-zzz", wait=False)
        page.wait_for_selector(".row.chosen")
        self.assert_dense(self.seen(page, 25))
        page.keyboard.press("Home")
        page.wait_for_function("() => document.querySelector('#rows .message')?.textContent.includes('line 00001')")
        page.keyboard.press("End")
        self.wait_last(page, "line 12000")
        page.hover("#scroller")
        page.evaluate("() => { document.getElementById('scroller').scrollTop -= 3000; }")
        self.settle(page)
        self.assert_dense(self.seen(page, 30))

    def test_several_streams_have_no_holes_while_entries_come(self):
        stop = threading.Event()

        def push():
            number = 0
            while not stop.is_set():
                for stream in ("lv/a", "lv/b"):
                    self.server.push(stream, lines(number + 1, number + 5))
                number += 5
                stop.wait(0.04)

        pushing = threading.Thread(target=push)
        pushing.start()
        try:
            page = self.open("/q?stream=lv/*")
            page.wait_for_function("() => document.querySelectorAll('#rows > .row').length > 30")
            page.wait_for_timeout(1_500)
            page.hover("#scroller")
            page.evaluate("() => { document.getElementById('scroller').scrollTop -= 900; }")
            self.wait_state(page, "paused")
            page.fill("#filter", "line")
            page.wait_for_url("**filter=line**")
            page.wait_for_function("() => document.querySelectorAll('#rows > .row').length > 30")
            # A list that follows need not paint every row: what it holds is looked at when nothing more comes.
            self.seen(page, 60)
        finally:
            stop.set()
            pushing.join()
        page.evaluate("() => { document.getElementById('scroller').scrollTop = 0; }")
        found = self.seen(page)
        self.assertEqual(set(found), {"lv/a", "lv/b"})
        self.assert_dense(found)

    def test_several_streams_miss_nothing_before_their_subscription_begins(self):
        self.server.push("s/a", lines(1, 20))
        self.server.push("s/b", lines(21, 40))
        page = self.open("/s/other")

        pushed = []

        def connect(socket):
            # Meanwhile pages could have been read. A page that tries again finds the entry there.
            if not pushed:
                time.sleep(1)
                pushed.append(self.server.push("s/a", ["between"]))
            socket.connect_to_server()

        page.route_web_socket("**/api/v1/ws", connect)
        page.goto(f"{self.server.url}/q?stream=s/*&at=s/a@5")
        page.wait_for_selector(".row.chosen")
        self.wait_text(page, "#count", "41 rows held")
        self.server.push("s/b", ["later"])
        self.wait_text(page, "#count", "42 rows held")

    def test_many_entries_of_one_time_are_all_there(self):
        for stream in ("eq/a", "eq/b"):
            self.server.push(stream, [{"time": "2026-01-10T12:00:00Z", "msg": f"line {n}"} for n in range(700)])
        page = self.open("/q?stream=eq/*&at=eq/a@350", wait=False)
        page.wait_for_selector(".row.chosen")
        self.assertEqual(page.eval_on_selector(".row.chosen", "each => each.row.seq"), 350)
        page.evaluate("() => { document.getElementById('scroller').scrollTop = 0; }")
        found = self.seen(page)
        self.assertEqual({stream: len(numbers) for stream, numbers in found.items()}, {"eq/a": 700, "eq/b": 700})

    def test_times_in_any_order_are_counted_as_the_server_does(self):
        hours = [(n * 7) % 10 + 10 for n in range(1000)]
        self.server.push("web", [{"time": f"2026-01-10T{hour}:00:00Z", "msg": "line"} for hour in hours])
        for range_ in ("since=2026-01-10T12:00:00Z", "since=2026-01-10T12:00:00Z&until=2026-01-10T14:00:00Z"):
            count = self.server.request("GET", f"/api/v1/count?stream=web&{range_}")["count"]
            for path in ("/s/web?", "/q?stream=we*&"):
                page = self.open(path + range_, wait=False)
                page.keyboard.press("End")
                page.wait_for_function("() => document.querySelectorAll('#rows > .row').length > 10")
                page.evaluate("() => { document.getElementById('scroller').scrollTop = 0; }")
                self.seen(page)
                page.keyboard.press("Home")
                self.wait_text(page, "#count", f"{count} rows held")

    def test_a_trim_and_a_filter_move_nothing_while_entries_flood_in(self):
        self.server.push("web", lines(1, 900))
        page = self.open("/s/web")
        self.wait_last(page, "line 00900")
        page.hover("#scroller")
        page.evaluate("() => { document.getElementById('scroller').scrollTop -= 3000; }")
        self.wait_state(page, "paused")
        stop = threading.Event()

        def push():
            number = 900
            while not stop.is_set():
                self.server.push("web", lines(number + 1, number + 100))
                number += 100

        pushing = threading.Thread(target=push)
        pushing.start()
        try:
            page.wait_for_function("() => /[1-9],\\d{3} new/.test(document.getElementById('state').textContent)")
            text, place = self.top_row(page)
            number = int(text[-5:])
            self.server.request("DELETE", f"/api/v1/streams/web?before_seq={number - 20}")
            self.server.push("web", ["x" * (1 << 20)])
            page.wait_for_timeout(500)
            self.assertEqual(self.place(page, text), place)
            page.fill("#filter", "line")
            page.wait_for_url("**filter=line")
            page.wait_for_function("(t) => document.getElementById('rows').textContent.includes(t)", arg=text)
        finally:
            stop.set()
            pushing.join()
        found = self.seen(page, 10)
        self.assert_dense(found)

    def test_the_last_row_is_not_hidden_behind_the_scroll_bar(self):
        self.server.push("web", ["wide " * 400] + lines(2, 100))
        page = self.open("/s/web@1", wait=False)
        page.wait_for_selector(".row.chosen")
        page.keyboard.press("End")
        self.wait_last(page, "line 00100")
        self.settle(page)
        bottom, inner, over = page.evaluate(
            """() => {
              const scroller = document.getElementById('scroller');
              const last = [...document.querySelectorAll('#rows > .row')].at(-1).getBoundingClientRect();
              const place = scroller.getBoundingClientRect();
              return [last.bottom, place.top + scroller.clientHeight, scroller.scrollWidth - scroller.clientWidth];
            }""")
        self.assertGreater(over, 0)
        self.assertLessEqual(bottom, inner + 1)

    def test_pointing_at_rows_changes_nothing_in_the_document(self):
        self.server.push("web", lines(1, 100))
        page = self.open("/s/web")
        self.wait_last(page, "line 00100")
        self.settle(page)
        page.evaluate(
            """() => {
              window.changes = 0;
              new MutationObserver(list => { window.changes += list.length; }).observe(
                document.getElementById('rows'), { subtree: true, childList: true, attributes: true });
            }""")
        for y in range(150, 600, 7):
            page.mouse.move(300, y)
        self.settle(page)
        self.assertEqual(page.evaluate("window.changes"), 0)

    def test_a_chart_over_years_has_few_bars(self):
        self.server.push("web", [{"time": f"{1971 + n % 55}-03-01T12:00:00Z", "msg": "line"} for n in range(500)])
        page = self.open("/s/web?chart=1&since=1970-01-02T00:00:00Z&until=2030-01-01T00:00:00Z", wait=False)
        self.wait_text(page, "#histogram .legend", "500 entries")
        self.assertLess(page.evaluate("() => document.querySelectorAll('*').length"), 2_000)

    def test_characters_of_several_bytes_come_whole(self):
        texts = [("ä€😀" * size) + f" {size}" for size in (1, 333, 1365)] * 60
        page = self.open("/s/web")
        self.server.push("web", texts)
        self.wait_text(page, "#count", "180 rows held")
        page.keyboard.press("Home")
        for index in range(0, 3):
            shown = page.locator("#rows > .row .message").nth(index).inner_text()
            self.assertNotIn("\ufffd", shown)
            self.assertTrue(shown.startswith("ä€😀"))
        held = page.evaluate("() => [...document.querySelectorAll('#rows > .row')].map(each => each.row.message)")
        self.assertTrue(set(held) <= set(texts))

    def test_giant_messages_are_not_read_again_and_again(self):
        for _ in range(80):
            self.server.push("web", ["x" * (1 << 20)])
        page = self.open("/s/web")
        requests = []
        page.on("request", lambda request: requests.append(request.url))
        page.wait_for_timeout(3_000)
        self.assertLessEqual(len(requests), 6)

    def test_deep_values_open_step_by_step(self):
        wide = json.dumps([[1] * 500] * 240)
        self.server.push("web", ["[" * 3000 + "1" + "]" * 3000, wide, "after"])
        page = self.open("/s/web")
        self.wait_last(page, "after")
        for number in (1, 0):
            page.click(f"#rows > .row >> nth={number} >> .toggle")
        page.wait_for_function("() => document.querySelectorAll('.detail').length === 2")
        self.assertLess(page.evaluate("() => document.querySelectorAll('*').length"), 20_000)
        self.server.push("web", ["later"])
        page.keyboard.press("End")
        self.wait_last(page, "later")

    def test_a_link_changes_no_settings(self):
        self.server.push("web", ["here"])
        page = self.open("/s/web?zone=Mars/X&wrap=1&columns=level")
        self.wait_last(page, "here")
        page.goto(f"{self.server.url}/s/web")
        self.wait_last(page, "here")
        self.assertEqual(page.locator("#rows .column-time").count(), 1)
        self.assertEqual(page.evaluate("() => document.body.className"), "")

    def test_reading_goes_on_after_the_server_was_away(self):
        self.allowed = ["Failed to load resource", "WebSocket connection"]
        self.server.push("web", lines(1, 900))
        self.server.push("web", lines(901, 1800))
        page = self.open("/s/web")
        self.wait_last(page, "line 01800")
        self.server.kill()
        page.hover("#scroller")
        page.evaluate("() => { document.getElementById('scroller').scrollTop = 0; }")
        self.wait_text(page, "#note", "no answer from the server")
        self.server.start()
        page.wait_for_function(
            """() => {
              document.getElementById('scroller').scrollTop = 0;
              return document.querySelector('#rows .message')?.textContent.includes('line 00001');
            }""", polling=200)

    def test_a_deletion_takes_nothing_away_from_who_reads(self):
        self.server.push("web", lines(1, 100))
        page = self.open("/s/web")
        self.wait_last(page, "line 00100")
        page.click("#pause")
        self.server.request("DELETE", "/api/v1/streams/web")
        self.server.push("web", ["anew"])
        self.wait_text(page, "#note", "the stream was deleted and begun anew")
        self.assertIsNotNone(self.place(page, "line 00099"))
        page.keyboard.press("End")
        self.wait_last(page, "anew")

    def test_refresh_and_reload_find_the_place_again(self):
        self.server.push("web", lines(1, 900))
        self.server.push("web", lines(901, 1800))
        page = self.open("/s/web")
        self.wait_last(page, "line 01800")
        page.hover("#scroller")
        page.evaluate("() => { document.getElementById('scroller').scrollTop -= 1500; }")
        self.wait_state(page, "paused")
        self.settle(page)
        text, _ = self.top_row(page)
        page.wait_for_function("() => history.state?.top")
        page.keyboard.press("r")
        page.wait_for_function("() => document.querySelectorAll('#rows > .row').length > 20")
        self.assertIsNotNone(self.place(page, text))
        page.wait_for_timeout(700)
        page.reload()
        page.wait_for_function("(t) => document.getElementById('rows').textContent.includes(t)", arg=text)
        self.wait_state(page, "paused")

    def test_a_half_written_filter_leaves_the_rows(self):
        self.allowed = ["status of 400"]
        self.server.push("web", lines(1, 50))
        page = self.open("/s/web")
        self.wait_last(page, "line 00050")
        page.fill("#filter", "level>=")
        page.wait_for_selector("#problem")
        self.assertEqual(page.get_attribute("#filter", "aria-invalid"), "true")
        self.wait_last(page, "line 00050")
        page.fill("#filter", "line")
        page.wait_for_selector("#problem", state="hidden")
        page.wait_for_url("**filter=line")

    def test_a_bar_is_chosen_to_its_end(self):
        self.server.push("web", [{"time": f"2026-01-10T12:00:{n:02}Z", "msg": "line"} for n in range(60)])
        page = self.open("/s/web?chart=1&since=2026-01-10T12:00:00Z&until=2026-01-10T12:01:00Z", wait=False)
        self.wait_text(page, "#histogram .legend", "60 entries")
        page.click("#histogram canvas", position={"x": 12, "y": 40})
        self.wait_text(page, "#histogram .legend", "1 entry")
        self.wait_text(page, "#count", "1 row held")

    def test_odd_addresses_say_what_is_odd(self):
        self.allowed = ["status of 400"]
        self.server.push("web", ["here"])
        for path in ("/s/web@0", "/s/web@99999", "/s/web@9999999999999999999", "/s/web@5-2"):
            page = self.open(path, wait=False)
            page.wait_for_function("() => document.querySelectorAll('#rows > .row').length === 1")
            self.assertFalse(page.is_visible("#problem"))
        page = self.open("/s/%zz", wait=False)
        page.wait_for_selector("#state[data-state='refused'], #state[data-state='live']")

    def test_the_download_goes_by_the_servers_end(self):
        self.server.push("web", ["past", {"time": "2031-01-01T00:00:00Z", "msg": "future"}])
        page = self.open("/q?stream=w*")
        with page.expect_download() as event:
            page.click("#download")
        text = pathlib.Path(event.value.path()).read_text()
        self.assertEqual([json.loads(line)["message"] for line in text.splitlines()], ["past", "future"])


    def hold(self, page):
        """Has pages of entries wait until they are let through, one by one; returns what lets all through."""
        held = []
        state = {"open": False}

        def route(each):
            if state["open"]:
                each.continue_()
            else:
                held.append(each)

        def release():
            state["open"] = True
            while held:
                held.pop(0).continue_()

        page.route("**/entries?**needle**", route)
        return held, release

    def wait_held(self, page, held, count=1):
        for _ in range(400):
            if len(held) >= count:
                return
            page.wait_for_timeout(25)
        self.fail(f"{len(held)} requests instead of {count}")

    def long_stream(self):
        """A stream in which a search takes several slices."""
        self.server.push("web", ["needle 1"] + lines(2, 5000))
        for first in range(5001, 60_000, 5000):
            self.server.push("web", lines(first, first + 4999))

    def test_a_search_says_how_far_it_is(self):
        self.long_stream()
        page = self.open("/s/other")
        held, release = self.hold(page)
        page.goto(f"{self.server.url}/s/web?filter=needle")
        self.wait_held(page, held)
        held.pop(0).continue_()
        self.wait_held(page, held)
        self.assertEqual(page.inner_text("#count"), "searched down to 40,001, 33 %")
        self.wait_text(page, "#message", "Searching")
        self.picture(page, "searching")
        release()
        self.wait_last(page, "needle 1")
        self.assertEqual(page.inner_text("#count"), "1 row held, all there are")

    def test_a_search_from_the_middle_says_how_far_it_is(self):
        self.long_stream()
        self.server.push("web", ["needle 2"])
        page = self.open("/s/web@30001", wait=False)
        page.wait_for_selector(".row.chosen")
        self.settle(page)
        self.wait_state(page, "paused")
        held, release = self.hold(page)
        page.fill("#filter", "needle")
        self.wait_held(page, held, 2)
        for _ in range(2):
            held.pop(0).continue_()
        self.wait_held(page, held)
        self.assertRegex(page.inner_text("#count"), r"^searched 9,\d{3} to 49,\d{3}, 66 %$")
        release()
        self.wait_text(page, "#count", "2 rows held")
        self.assertEqual(self.messages(page), ["needle 1", "needle 2"])

    def test_many_matches_behind_a_place_are_read_in_order(self):
        self.long_stream()
        page = self.open("/s/web@100?filter=line", wait=False)
        page.wait_for_selector(".row.chosen")
        self.assert_dense(self.seen(page, 30))

    def dividers(self, page):
        return self.texts(page, ".divider")

    def test_days_have_lines(self):
        self.server.push("web", [
            {"time": f"2026-01-{10 + n // 20}T{n % 20:02}:30:00Z", "msg": f"line {n:05}"} for n in range(100)])
        page = self.open("/s/web?zone=UTC")
        self.wait_last(page, "line 00099")
        self.wait_text(page, "#count", "100 rows held, all there are")
        page.keyboard.press("Home")
        page.wait_for_function("() => document.querySelector('#rows .message')?.textContent.includes('line 00000')")
        self.assertEqual(self.dividers(page)[:2], ["2026-01-11", "2026-01-12"])
        self.assertLess(self.place(page, "line 00019"), self.place(page, "2026-01-11"))
        self.assertLess(self.place(page, "2026-01-11"), self.place(page, "line 00020"))
        self.picture(page, "days")
        # Choosing goes from entry to entry.
        page.click("#rows > .row:has-text('line 00019')")
        page.keyboard.press("j")
        page.wait_for_function("() => document.querySelector('.row.chosen').textContent.includes('line 00020')")
        # Elsewhere days begin elsewhere: what is read stays.
        place = self.place(page, "line 00022")
        page.click("#settings")
        page.get_by_label("Time zone").fill("Asia/Kathmandu")
        page.get_by_label("Time zone").press("Tab")
        page.keyboard.press("Escape")
        self.wait_text(page, "#rows", "06:15")
        self.assertLess(self.place(page, "line 00017"), self.place(page, "2026-01-11"))
        self.assertLess(self.place(page, "2026-01-11"), self.place(page, "line 00018"))
        self.assertEqual(self.place(page, "line 00022"), place)

    def test_days_of_several_streams_stay_right_when_entries_come_late(self):
        self.server.push("d/a", [{"time": "2026-01-10T23:00:00Z", "msg": "before"}])
        self.server.push("d/b", [{"time": "2026-01-12T01:00:00Z", "msg": "behind"}])
        page = self.open("/q?stream=d/*&zone=UTC")
        self.wait_last(page, "behind")
        self.assertEqual(self.dividers(page), ["2026-01-12"])
        self.server.push("d/a", [{"time": "2026-01-12T00:30:00Z", "msg": "between"}])
        self.wait_text(page, "#count", "3 rows held")
        self.server.push("d/a", [{"time": "2026-01-11T00:30:00Z", "msg": "a day of its own"}])
        self.wait_text(page, "#count", "4 rows held")
        self.settle(page)
        texts = page.eval_on_selector_all(
            "#rows > .row", "all => all.map(each => (each.querySelector('.message') ?? each).textContent)")
        self.assertEqual(
            texts, ["before", "2026-01-11", "a day of its own", "2026-01-12", "between", "behind"])

    def test_a_line_says_where_the_reader_left_off(self):
        self.server.push("web", lines(1, 30))
        page = self.open("/s/web")
        self.wait_last(page, "line 00030")
        self.assertEqual(self.dividers(page), [])
        page.goto("about:blank")
        self.server.push("web", lines(31, 40))
        page.goto(f"{self.server.url}/s/web")
        self.wait_last(page, "line 00040")
        self.assertEqual(self.dividers(page), ["new since you left"])
        self.assertLess(self.place(page, "line 00030"), self.place(page, "new since"))
        self.assertLess(self.place(page, "new since"), self.place(page, "line 00031"))
        self.assertEqual(page.inner_text("#count"), "40 rows held, all there are")
        self.picture(page, "left")
        # It stays where it is, and another filter has its own.
        self.server.push("web", lines(41, 45))
        self.wait_last(page, "line 00045")
        self.assertLess(self.place(page, "new since"), self.place(page, "line 00031"))
        page.goto(f"{self.server.url}/s/web?filter=line")
        self.wait_last(page, "line 00045")
        self.assertEqual(self.dividers(page), [])
        # Nothing is new, and a stream that was begun anew is not known.
        page.goto(f"{self.server.url}/s/web")
        self.wait_last(page, "line 00045")
        self.assertEqual(self.dividers(page), [])
        page.goto("about:blank")
        self.server.request("DELETE", "/api/v1/streams/web")
        self.server.push("web", lines(1, 50))
        page.goto(f"{self.server.url}/s/web")
        self.wait_last(page, "line 00050")
        self.assertEqual(self.dividers(page), [])


if __name__ == "__main__":
    unittest.main()
