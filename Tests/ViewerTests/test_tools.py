"""What stands around the rows: histogram, fields, palette, pins, copies, settings, keys, and the forms of the page."""

import json
import pathlib
import unittest
from urllib.parse import parse_qs, urlparse

from support import WEB, ViewerTest
from test_reading import lines


def at(minute, second=0):
    return f"2026-01-10T12:{minute:02}:{second:02}Z"


class ToolTests(ViewerTest):
    def test_the_histogram_counts_what_passes_and_chooses_times(self):
        self.server.push("web", [
            {"time": at(n // 10, n % 10), "msg": f"line {n}", "level": "error" if n % 3 == 0 else "info"}
            for n in range(300)])
        page = self.open("/s/web?chart=1&since=2026-01-10T12:00:00Z&until=2026-01-10T12:30:00Z", wait=False)
        self.wait_state(page, "paused")
        self.wait_text(page, "#histogram .legend", "300 entries")
        self.assertIn("line 0", self.messages(page)[0])
        self.picture(page, "histogram")
        box = page.locator("#histogram canvas").bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] - 1, box["y"] + 20)
        page.mouse.up()
        page.wait_for_url(lambda url: "12:00:00Z" not in url and "12%3A00%3A00Z" not in url)
        query = parse_qs(urlparse(page.url).query)
        self.assertTrue(query["since"][0].startswith("2026-01-10T12:1"))
        count = self.server.request(
            "GET", f"/api/v1/count?stream=web&since={query['since'][0]}&until={query['until'][0]}")["count"]
        self.wait_text(page, "#histogram .legend", f"{count} entries")
        self.wait_text(page, "#count", f"{count} rows held")
        page.select_option("#level", "error")
        page.wait_for_url("**level=error**")
        page.go_back()
        self.wait_text(page, "#count", f"{count} rows held")

    def test_the_histogram_is_operated_by_keys(self):
        self.server.push("web", [
            {"time": at(n), "msg": f"line {n}", "level": "error" if n == 2 else "info"} for n in range(10)])
        page = self.open("/s/web?chart=1&since=2026-01-10T12:00:00Z&until=2026-01-10T12:10:00Z&zone=UTC", wait=False)
        self.wait_text(page, "#histogram .legend", "10 entries")
        bars = page.get_by_role("slider", name="Histogram: 10 entries from 2026-01-10 12:00:00 to 2026-01-10 12:10:00")
        bars.focus()
        self.assertEqual(bars.get_attribute("aria-valuetext"), "no bar chosen")
        last = int(bars.get_attribute("aria-valuemax"))
        page.keyboard.press("End")
        self.assertEqual(bars.get_attribute("aria-valuenow"), str(last))
        page.keyboard.press("Home")
        self.assertEqual(bars.get_attribute("aria-valuenow"), "0")
        self.assertTrue(bars.get_attribute("aria-valuetext").startswith("1 entry from 2026-01-10 12:00:00 to "))
        # From a bar of the first minute to one of the third, to and fro.
        for _ in range((last + 1) // 5):
            page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("Shift+ArrowLeft")
        page.keyboard.press("Shift+ArrowRight")
        words = bars.get_attribute("aria-valuetext")
        self.assertIn("3 entries from 2026-01-10 12:00:00", words)
        self.assertIn("1 error, 2 info", words)
        self.picture(page, "histogram-keys")
        page.keyboard.press("Escape")
        self.assertEqual(bars.get_attribute("aria-valuetext"), "no bar chosen")
        page.keyboard.press("Enter")
        self.assertIn("12%3A10%3A00Z", page.url)
        page.keyboard.press("Home")
        for _ in range((last + 1) // 5):
            page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("Enter")
        self.wait_text(page, "#count", "3 rows held")
        self.assertEqual(self.messages(page), ["line 0", "line 1", "line 2"])
        self.wait_text(page, "#histogram .legend", "3 entries")
        self.assertEqual(page.evaluate("() => document.activeElement.id"), "bars")

    def test_the_histogram_counts_what_comes(self):
        self.server.push("web", lines(1, 10))
        page = self.open("/s/web?chart=1")
        self.wait_text(page, "#histogram .legend", "10 entries")
        self.server.push("web", lines(11, 30))
        self.wait_text(page, "#histogram .legend", "30 entries")

    def test_fields_lead_to_filters_and_columns(self):
        self.server.push("web", [
            {"msg": f"line {n}", "logger": "api" if n % 4 else "db", "user": {"name": f"u{n % 2}"}} for n in range(40)])
        page = self.open("/s/web")
        page.keyboard.press("f")
        page.wait_for_selector("#facets .fact")
        self.picture(page, "fields")
        fact = page.locator("#facets .fact", has_text="u1")
        fact.get_by_text("≠").click()
        page.wait_for_url("**filter=-user.name*")
        self.wait_text(page, "#count", "20 rows held")
        page.locator("#facets h3", has_text="user.name").get_by_role("button").click()
        page.wait_for_selector(".column-other")
        self.assertIn("columns=", page.url if "columns=" in page.url else self.later_url(page, "columns="))
        self.assertEqual(page.locator("#rows .column-other").first.inner_text(), "u0")

    def later_url(self, page, part):
        page.wait_for_url(f"**{part}**")
        return page.url

    def test_context_leads_to_the_neighbours_and_back(self):
        self.server.push("web", lines(1, 300) + ["the odd one"] + lines(302, 600))
        page = self.open("/s/web?filter=odd")
        self.wait_last(page, "the odd one")
        page.keyboard.press("k")
        page.keyboard.press("x")
        page.wait_for_url("**/s/web@301")
        page.wait_for_function("() => document.querySelector('.row.chosen')?.textContent.includes('the odd one')")
        self.assertIsNotNone(self.place(page, "line 00300"))
        self.assertIsNotNone(self.place(page, "line 00302"))
        self.picture(page, "context")
        page.go_back()
        page.wait_for_function("() => document.querySelectorAll('#rows > .row').length === 1")

    def test_the_palette_finds_streams_patterns_and_commands(self):
        for name in ("web", "docker/nginx", "docker/db", "task/1"):
            self.server.push(name, [f"from {name}"])
        self.server.request("POST", "/api/v1/streams/task/1/complete", b"over")
        page = self.open("/s/web")
        page.keyboard.press("Control+k")
        page.wait_for_selector("#palette-list li >> text=docker/nginx")
        self.assertIn("complete", page.locator("#palette-list li", has_text="task/1").inner_text())
        self.picture(page, "palette")
        page.fill("#palette-input", "nginx")
        page.keyboard.press("Enter")
        page.wait_for_url("**/s/docker/nginx")
        self.wait_last(page, "from docker/nginx")
        page.keyboard.press("s")
        page.wait_for_selector("#palette-list li >> text=docker/nginx")
        page.fill("#palette-input", "docker/*")
        page.keyboard.press("ArrowUp")
        page.locator("#palette-list li", has_text="Show docker/*").click()
        page.wait_for_url("**/q?stream=docker*")
        page.wait_for_function("() => document.querySelectorAll('#rows > .row').length === 2")

    def test_rows_are_copied_linked_and_pinned(self):
        self.server.push("web", lines(1, 30))
        page = self.open("/s/web", permissions=["clipboard-read", "clipboard-write"])
        self.wait_last(page, "line 00030")
        page.click("#rows > .row:has-text('line 00020')")
        page.click("#rows > .row:has-text('line 00022')", modifiers=["Shift"])
        page.keyboard.press("c")
        self.wait_text(page, "#note", "copied 3 entries")
        copied = page.evaluate("() => navigator.clipboard.readText()").split("\n")
        self.assertEqual([line[-10:] for line in copied], lines(20, 22))
        page.keyboard.press("Shift+Y")
        page.wait_for_function("async () => (await navigator.clipboard.readText()).startsWith('{')")
        copied = page.evaluate("() => navigator.clipboard.readText()").split("\n")
        self.assertEqual([json.loads(line)["seq"] for line in copied], [20, 21, 22])
        page.keyboard.press("y")
        self.wait_text(page, "#note", "copied the link")
        link = page.evaluate("() => navigator.clipboard.readText()")
        self.assertEqual(link, f"{self.server.url}/s/web@20-22")
        page.keyboard.press("p")
        page.wait_for_selector("#pins .pinned")
        self.assertIn("line 00022", page.inner_text("#pins"))
        self.later_url(page, "pin=")
        page.reload()
        self.wait_text(page, "#pins", "web@22")

    def test_the_download_has_all_that_passes(self):
        self.server.push("web", [{"msg": f"line {n}", "level": "warn" if n % 2 else "info"} for n in range(2000)])
        page = self.open("/s/web?level=warn")
        with page.expect_download() as event:
            page.click("#download")
        entries = [json.loads(line) for line in pathlib.Path(event.value.path()).read_text().splitlines()]
        self.assertEqual(event.value.suggested_filename, "web.ndjson")
        self.assertEqual([entry["message"] for entry in entries], [f"line {n}" for n in range(1, 2000, 2)])

    def test_clear_hides_and_refresh_shows_again(self):
        self.server.push("web", lines(1, 20))
        page = self.open("/s/web")
        self.wait_last(page, "line 00020")
        page.keyboard.press("Shift+C")
        page.wait_for_function("() => document.querySelectorAll('#rows > .row').length === 0")
        self.server.push("web", ["new"])
        self.wait_last(page, "new")
        self.assertEqual(self.messages(page), ["new"])
        page.keyboard.press("r")
        page.wait_for_function("() => document.querySelectorAll('#rows > .row').length === 21")

    def test_settings_are_kept(self):
        self.server.push("web", [{"time": "2026-07-01T12:00:00.5Z", "msg": "summer"}])
        page = self.open("/s/web", timezone_id="America/New_York")
        self.wait_last(page, "summer")
        self.assertIn("08:00:00.500", page.inner_text("#rows"))
        page.click("#settings")
        page.get_by_label("Theme").select_option("light")
        page.get_by_label("Time zone").fill("Asia/Tokyo")
        page.get_by_label("Time zone").press("Tab")
        page.get_by_label("Column: number").check()
        page.keyboard.press("Escape")
        self.wait_text(page, "#rows", "21:00:00.500")
        page.goto(f"{self.server.url}/s/web")
        self.wait_last(page, "summer")
        self.assertEqual(page.evaluate("document.documentElement.dataset.theme"), "light")
        self.assertIn("21:00:00.500", page.inner_text("#rows"))
        self.assertEqual(page.inner_text("#rows .column-seq"), "1")
        self.picture(page, "light")

    def test_works_on_a_phone(self):
        self.server.push("web", [{"msg": f"line {n} " + "with more text " * 5, "level": "warn"} for n in range(100)])
        page = self.open("/s/web?wrap=1", width=360, height=640, has_touch=True)
        self.wait_last(page, "line 99")
        self.picture(page, "phone")
        self.assertEqual(page.evaluate("document.documentElement.scrollWidth"), 360)
        widest = page.evaluate(
            "() => Math.max(...[...document.querySelectorAll('#rows > .row')].map(each => each.scrollWidth))")
        self.assertLessEqual(widest, 360)
        self.assertGreater(page.evaluate("document.getElementById('scroller').clientHeight"), 300)

    def test_everything_has_a_name_for_screen_readers(self):
        self.server.push("web", lines(1, 5))
        page = self.open("/s/web")
        self.wait_last(page, "line 00005")
        nameless = page.evaluate(
            """() => [...document.querySelectorAll('button, input, select, a, [role=grid], canvas')].filter(each =>
              each.checkVisibility() && !(each.textContent.trim() || each.title || each.getAttribute('aria-label')
              || each.labels?.length)).map(each => each.outerHTML)""")
        self.assertEqual(nameless, [])
        page.keyboard.press("k")
        focused = page.get_attribute("#scroller", "aria-activedescendant")
        self.assertEqual(page.locator(f"[id='{focused}']").get_attribute("aria-rowindex"), "6")

    def test_the_names_of_columns_are_part_of_the_grid(self):
        self.server.push("web", [{"msg": f"line {n}", "level": "info", "logger": "api"} for n in range(1, 301)])
        self.server.push("db", [{"msg": "other", "level": "info"}])
        page = self.open("/s/web?wrap=1&columns=time,source,level,seq")
        self.wait_last(page, "line 300")
        grid = page.get_by_role("grid")
        header = grid.get_by_role("row").first
        names = header.get_by_role("columnheader").all()
        self.assertEqual(header.get_attribute("aria-rowindex"), "1")
        texts = [name.get_attribute("aria-label") for name in names]
        self.assertTrue(texts.pop(0).startswith("time, from 20"))
        self.assertEqual(texts, ["number", "source", "level", "message"])
        cells = page.locator("#rows > .row").last.get_by_role("gridcell")
        self.assertEqual(cells.count(), len(names))
        # Each name stands above its cells, also when the list is scrolled.
        for index, name in enumerate(names):
            self.assertAlmostEqual(name.bounding_box()["x"], cells.nth(index).bounding_box()["x"], delta=1)
        self.assertEqual(grid.get_attribute("aria-rowcount"), "301")
        self.assertEqual(page.locator("#rows > .row").last.get_attribute("aria-rowindex"), "301")
        page.goto(f"{self.server.url}/q?stream=web&stream=db")
        self.wait_last(page, "other")
        self.wait_text(page, "#count", "301 rows held, all there are")
        self.settle(page)
        self.assertEqual(grid.get_attribute("aria-rowcount"), "302")
        self.server.push("web", [{"time": "2026-01-10T12:00:00Z", "msg": "late"}])
        self.wait_text(page, "#note", "1 entry came late")
        self.settle(page)
        indices = page.eval_on_selector_all("#rows > [role=row]", "all => all.map(each => Number(each.ariaRowIndex))")
        self.assertEqual(indices, list(range(indices[0], int(grid.get_attribute("aria-rowcount")) + 1)))
        # Where they are not shown they are still read out.
        page.set_viewport_size({"width": 360, "height": 640})
        self.assertGreater(header.get_by_role("columnheader").count(), 1)

    def test_the_browsers_search_stays_and_its_bounds_are_told(self):
        self.server.push("web", lines(1, 500))
        page = self.open("/s/web")
        self.wait_last(page, "line 00500")
        page.evaluate("() => addEventListener('keydown', event => { window.prevented = event.defaultPrevented; })")
        page.keyboard.press("Control+f")
        self.assertFalse(page.evaluate("window.prevented"))
        self.assertIn("only the rows on the screen", page.inner_text("#note"))
        self.assertIn("/ searches all", page.inner_text("#summary"))
        # What it finds above the window comes into sight, below the names of columns, and stays while entries come.
        text = page.locator("#rows > .row .message").first.inner_text()
        self.assertTrue(page.evaluate("(text) => window.find(text)", text))
        page.evaluate("() => getSelection().anchorNode.parentElement.scrollIntoView({ block: 'nearest' })")
        self.wait_state(page, "paused")
        self.settle(page)
        place = self.place(page, text)
        header = page.locator("#columns").bounding_box()
        self.assertGreaterEqual(place, header["y"] + header["height"])
        self.server.push("web", lines(501, 600))
        self.wait_text(page, "#state", "100 new")
        self.assertEqual(self.place(page, text), place)
        self.assertEqual(page.evaluate("() => String(getSelection())"), text)

    def test_two_clocks_are_told_apart(self):
        self.server.push("web", [{"time": "2026-01-10T12:00:00Z", "msg": "imported"}])
        page = self.open("/s/web?zone=UTC")
        self.wait_last(page, "imported")
        self.server.push("web", [
            {"time": "2026-01-10T12:00:00Z", "msg": "slow"}, {"time": "2099-01-01T00:00:00Z", "msg": "ahead"},
            {"msg": "plain"}])
        self.wait_last(page, "plain")
        cells = page.locator("#rows > .row[id] .column-time")
        skewed = cells.evaluate_all("all => all.map(each => each.classList.contains('skewed'))")
        self.assertEqual(skewed, [False, True, True, False])
        colours = cells.evaluate_all("all => all.map(each => getComputedStyle(each).color)")
        self.assertEqual(colours[1], colours[2])
        self.assertNotEqual(colours[0], colours[1])
        slow = self.server.stored("web")[1]
        self.assertEqual(cells.nth(1).get_attribute("title"), f"{slow['time']}\nreceived {slow['received']}")
        self.assertIn("no time of its own", cells.nth(3).get_attribute("title"))
        for number, words in ((1, "after its time"), (2, "before its time")):
            page.locator("#rows > .row[id] .toggle").nth(number).click()
            page.wait_for_selector(f".detail dd:has-text('{words}')")
            self.assertRegex(page.inner_text(f".detail dd:has-text('{words}')"), r"^2\S+Z, \d+ d ")

    def test_values_are_found_as_filters_find_them(self):
        self.server.push("web", [
            {"msg": "empty", "gone": None}, {"msg": "text", "gone": "null"}, {"msg": "other", "gone": 1}])
        page = self.open("/s/web")
        self.wait_last(page, "other")
        page.dblclick("#rows > .row >> nth=0")
        page.locator(".detail li", has_text="gone").get_by_text("=", exact=True).click()
        page.wait_for_url("**filter=gone%3Anull")
        self.wait_text(page, "#count", "2 rows held")
        self.assertEqual(self.messages(page), ["empty", "text"])

    def test_the_help_lists_each_key(self):
        page = self.open("/s/web")
        page.keyboard.press("?")
        self.assertGreater(page.locator("dialog kbd").count(), 25)
        page.keyboard.press("Escape")
        page.keyboard.press("/")
        self.assertEqual(page.evaluate("document.activeElement.id"), "filter")

    def test_the_scripts_are_small(self):
        self.assertLessEqual(sum(path.stat().st_size for path in WEB.glob("*.js")), 150_000)


class BasePathTests(ViewerTest):
    flags = ("--base-path", "/some/logs")

    def test_works_below_a_path(self):
        page = self.open("/some/logs/")
        self.server.request("POST", "/some/logs/api/v1/streams/web/entries", b"hello", **{"Content-Type": "text/plain"})
        self.wait_last(page, "hello")
        page.goto(f"{self.server.url}/some/logs/s/web@1")
        page.wait_for_selector(".row.chosen")


if __name__ == "__main__":
    unittest.main()
