// The page: has the parts know of each other, and does what the reader asks for.

import * as address from "./address.js";
import { Badge, stateOf } from "./badge.js";
import { Choice } from "./choice.js";
import { write } from "./clipboard.js";
import { Columns } from "./columns.js";
import { base, byID, button, element, plural, say, settled } from "./dom.js";
import { addressOf, isEntry, placeOf } from "./entry.js";
import { Facets, termOf } from "./facets.js";
import { Histogram } from "./histogram.js";
import { Keys } from "./keys.js";
import { Palette } from "./palette.js";
import { Pins } from "./pins.js";
import { inOrder, showPreferences } from "./preferences.js";
import { jsonOfRow, lineOf, RowView } from "./rowview.js";
import { downloadAddress, get, logOut, openSession, returnKey } from "./server.js";
import { change, keep, kept, settings, use } from "./settings.js";
import { announce, Status } from "./status.js";
import { filterWords, inOneLine, Marks } from "./text.js";
import { isZone } from "./time.js";
import { View } from "./view.js";

const lastViewKey = "logs.view";

class Page {
  #state = address.parse(new URL(location));
  #session = { name: "", csrf: null };
  /** Whether the address has been read, and may be written. */
  #isOpen = false;
  #cell = { height: 20, width: 7.2 };
  #rowView = new RowView({
    context: (row) => this.#context(row),
    copy: (rows, asJSON) => this.#copy(rows, asJSON),
    link: (row) => this.#copyLink(row),
    pin: (row) => this.#pins.toggle(row),
    only: (name, value, isNot) => this.#only(name, value, isNot),
    column: (name) => this.#column(name),
    resized: (row) => row && this.#view.list.redrawHeight(row),
  });
  #view = new View({
    changed: () => this.#changed(),
    render: (row) => this.#rowView.render(row, this.#view.placeOf(row) + 1),
    hasFixedHeight: (row) => this.#rowView.hasFixedHeight(row),
    estimate: (row) => this.#estimate(row),
    painted: (rows) => this.#painted(rows),
    resized: () => this.#resized(),
    entries: (rows) => this.#arrived(rows),
  });
  #columns = new Columns(this.#rowView);
  #choice = new Choice(this.#view, this.#rowView, () => this.#state);
  #pins = new Pins(() => this.#state, (pin) => this.#goTo(pin));
  #status = new Status(this.#view);
  #badge = new Badge();
  #histogram = new Histogram((since, until, isOpen) => this.#chooseTimes(since, until, isOpen));
  #facets = new Facets({
    only: (name, value, isNot) => this.#only(name, value, isNot),
    column: (name) => this.#column(name),
    close: () => this.#toggleFields(),
  });
  #palette = new Palette((streams) => this.#go({ streams, row: null }));
  #keys = new Keys(this.#actions());

  async begin() {
    try {
      this.#session = await openSession();
    } catch (error) {
      if (error.status === 401) return;
      say(byID("problem"), error.message);
    }
    byID("who").textContent = this.#session.csrf ? this.#session.name : "";
    this.#measure();
    this.#listen();
    this.#restore();
    addEventListener("popstate", () => {
      address.forget();
      this.#state = address.parse(new URL(location));
      this.#open(history.state?.top);
    });
    byID("scroller").focus();
  }

  /** `/` leads to the last view, or to all streams. */
  #restore() {
    if (this.#state.streams.length === 0) {
      const wanted = kept(returnKey, () => sessionStorage) ?? kept(lastViewKey);
      keep(returnKey, null, () => sessionStorage);
      const all = `${base}/q?stream=**`;
      const url = new URL(wanted ?? all, location);
      // What was kept is nothing to trust.
      this.#state = address.parse(url.origin === location.origin ? url : new URL(all, location));
      if (this.#state.streams.length === 0) this.#state.streams = ["**"];
      history.replaceState(null, "", address.format(this.#state));
    }
    this.#open(history.state?.top);
  }

  // What is shown

  /**
   * Shows the state of the address.
   * @param top the row that was read, to keep it in sight
   */
  #open(top = null) {
    const state = this.#state;
    this.#isOpen = true;
    use({
      ...(state.wrap !== null && { wrap: state.wrap }), ...(isZone(state.zone) && { zone: state.zone }),
      ...(state.columns && { columns: inOrder(state.columns.split(",").filter(Boolean)) }),
    });
    this.#applySettings();
    this.#choice.reset();
    byID("streams").textContent = state.streams.join(", ");
    document.title = `${state.streams.join(", ")} – logs`;
    this.#filterProblem = null;
    for (const id of ["filter", "highlight", "level"]) if (byID(id).value !== state[id]) byID(id).value = state[id];
    this.#showRange();
    this.#remark();
    this.#rowView.isOne = address.isOne(state);
    this.#columns.show();
    this.#pins.show();
    this.#status.clear();
    this.#setChart(state.chart);
    this.#view.open(state, state.row ?? top).then(() => this.#badge.open(this.#view.stream));
    this.#histogram.open(state);
    this.#facets.open(state);
    byID("download").href = downloadAddress(state);
    byID("download").download = `${state.streams.join("+").replace(/[^\w.-]+/g, "-")}.ndjson`;
    keep(lastViewKey, address.format({ ...state, row: null }));
  }

  /** Another view, with a step in the browser's history. */
  #go(values) {
    this.#state = { ...this.#state, ...values };
    address.push(this.#state);
    this.#open();
  }

  /** The row at the top of what is read; null at the end. */
  get #top() {
    const row = this.#view.isFollowing ? null : this.#view.list.seen.first;
    return row && placeOf(row);
  }

  /** Keeps in sight what is read while the filter becomes another one. */
  #refilter(values) {
    const top = this.#top;
    this.#state = { ...this.#state, ...values, row: null };
    address.push(this.#state);
    this.#open(top);
  }

  /** A filter that is half written leaves what is shown alone. */
  async #tryFilter(filter) {
    let problem = null;
    try {
      await get("count", [["stream", "$none/*"], ["filter", filter]]);
    } catch (error) {
      if (error.status === 400) problem = error;
    }
    if (filter !== byID("filter").value) return;
    this.#filterProblem = problem;
    this.#showProblem();
    if (!problem && filter !== this.#state.filter) this.#refilter({ filter });
  }

  #filterProblem = null;

  /** Reads again what is shown. */
  #refresh() { this.#open(this.#top); }

  #applySettings() {
    document.documentElement.dataset.theme = settings.theme;
    document.body.classList.toggle("wraps", settings.wrap);
  }

  #remark() {
    const words = this.#state.highlight.split(/\s+/).filter(Boolean);
    this.#rowView.marks = new Marks([...words, ...filterWords(this.#state.filter)]);
  }

  #showRange() {
    const { since, until } = this.#state;
    const range = byID("range");
    const isListed = !until && [...range.options].some((option) => option.value === since);
    range.querySelector("[value=custom]").hidden = isListed;
    range.value = isListed ? since : "custom";
    range.title = since || until ? `from ${since || "the beginning"} to ${until || "now"}` : "Time";
  }

  #measure() {
    const probe = element("div", "line", element("span", "message", "x".repeat(100)));
    byID("rows").append(probe);
    const box = probe.firstChild.getBoundingClientRect();
    this.#cell = { height: probe.offsetHeight, width: box.width / 100 };
    probe.remove();
  }

  #estimate(row) {
    return this.#rowView.estimate(row, this.#cell.height, this.#columns.messageWidth(this.#cell.width));
  }

  // What the parts tell

  #arrived(rows) {
    const isSeen = this.#view.isFollowing && !document.hidden;
    for (const row of rows) {
      row.isLive = true;
      row.isFresh = isSeen;
    }
    this.#badge.add(this.#view.isOne ? rows : []);
    this.#histogram.add(rows);
    // What was stopped starts again a second after its container.
    if (!this.#view.isStopped || !rows.some((row) => stateOf(row)[0] === "up")) return;
    setTimeout(() => this.#view.isStopped && this.#refresh(), 1_000);
  }

  #changed() {
    this.#status.show();
    const view = this.#view;
    byID("pause").disabled = byID("stick").disabled = view.isBounded;
    byID("stream").disabled = view.isBounded;
    byID("stream").textContent = view.isStopped ? "Start" : "Stop";
    byID("pause").textContent = view.isFollowing ? "Pause" : "Resume";
    byID("stick").checked = view.isFollowing;
    byID("scroller").ariaBusy = view.isLoading;
    this.#showProblem();
    say(byID("message"), view.rows.count > 0 ? "" : this.#emptiness);
  }

  #showProblem() {
    const problem = this.#filterProblem ?? this.#view.problem;
    const isFilter = problem?.status === 400 || problem?.code === "bad_request";
    byID("filter").ariaInvalid = Boolean(isFilter && byID("filter").value);
    const box = byID("problem");
    const text = problem?.message ?? "";
    if (box.dataset.shown === text) return;
    box.dataset.shown = text;
    box.replaceChildren(text);
    if (problem && !isFilter) box.append(" ", button("Try again", "", () => this.#open()));
    box.hidden = !problem;
  }

  get #emptiness() {
    const { live, isLoading, problem, stream, isOne } = this.#view;
    if (problem) return "";
    if (isLoading && this.#view.search) return "Searching …";
    if (isLoading || ["connecting", "open"].includes(live.state)) return "Loading …";
    const [name] = this.#state.streams;
    if (live.streamCount === 0) {
      return isOne ? `Waiting for '${name}': it does not exist yet.` : `Waiting: no stream matches ${name} yet.`;
    }
    if (this.#state.filter || this.#state.level || this.#state.since) {
      return "No entry passes. New ones that do will be shown here.";
    }
    return stream && stream.entries === 0 ? "This stream is empty." : "Nothing here yet.";
  }

  #painted(rows) {
    this.#status.painted(rows);
    if (this.#isOpen && !this.#view.isLoading) address.show(this.#state, this.#top);
    if (this.#columns.painted(rows, this.#view)) this.#resized();
  }

  #resized() {
    if (settings.wrap) this.#view.list.change(() => this.#view.rows.estimateAll());
  }

  // What the reader does

  #listen() {
    const on = (id, event, action) => byID(id).addEventListener(event, action);
    on("stick", "change", () => this.#toggle());
    on("level", "change", () => this.#refilter({ level: byID("level").value }));
    on("range", "change", () => this.#go({ since: byID("range").value, until: "", row: null }));
    const refilter = () => this.#tryFilter(byID("filter").value);
    on("filter", "input", settled(400, refilter));
    on("filter", "change", refilter);
    on("highlight", "input", settled(150, () => {
      this.#state.highlight = byID("highlight").value;
      this.#remark();
      address.show(this.#state);
      this.#view.list.redraw();
    }));
    on("highlight", "keydown", (event) => {
      if (event.key === "Enter") this.#findNext(event.shiftKey ? 1 : -1);
    });
    on("download", "click", () => { byID("download").href = downloadAddress(this.#state); });
    on("rows", "click", (event) => this.#click(event));
    on("rows", "dblclick", (event) => {
      const row = this.#rowAt(event);
      if (!row) return;
      getSelection().removeAllRanges();
      this.#openRow(row);
    });
  }

  #rowAt(event) {
    if (event.target.closest(".detail")) return null;
    const row = event.target.closest(".row")?.row;
    return row && isEntry(row) ? row : null;
  }

  #click(event) {
    const row = this.#rowAt(event);
    const isTap = matchMedia("(hover: none)").matches;
    if (row && (event.target.closest(".toggle") || isTap)) return this.#openRow(row);
    // With Shift, browsers choose text up to here.
    if (event.shiftKey) getSelection().removeAllRanges();
    if (!row || String(getSelection())) return;
    this.#view.pause();
    this.#choice.select(row, event.shiftKey);
  }

  #openRow(row = this.#choice.current) {
    if (!row || !isEntry(row)) return;
    this.#view.pause();
    row.isOpen = !row.isOpen;
    this.#view.list.change(() => {
      if (!row.isOpen) this.#view.rows.setHeight(row, this.#estimate(row));
    });
    this.#view.list.redrawRow(row);
  }

  #toggle() {
    if (this.#view.isFollowing) this.#view.pause();
    else this.#view.toEnd();
  }

  async #findNext(step) {
    const words = this.#state.highlight.split(/\s+/).filter(Boolean);
    if (words.length === 0) return byID("highlight").focus();
    const marks = new Marks(words);
    const filter = `(${words.map((word) => JSON.stringify(word)).join(" OR ")})`;
    this.#goToFound(await this.#view.find((row) => marks.match(row.message), filter, this.#choice.current, step), step);
  }

  async #findError(step) {
    const isError = (row) => row.severity >= 17;
    this.#goToFound(await this.#view.find(isError, "level>=error", this.#choice.current, step), step);
  }

  #goToFound(row, step) {
    if (!row) return this.#tell(`nothing more ${step < 0 ? "above" : "below"}`);
    this.#view.pause();
    const held = this.#view.rows.find(row);
    if (held) return this.#choice.select(held);
    this.#state.row = placeOf(row);
    this.#open();
  }

  /** Shows an entry in its stream, without the filter. */
  #context(row = this.#choice.current) {
    if (!row || !isEntry(row)) return;
    this.#go({ streams: [row.stream], filter: "", level: "", since: "", until: "", row: placeOf(row) });
  }

  #tell(words) {
    const before = this.#view.note;
    this.#view.note = words;
    this.#status.show();
    announce(words);
    setTimeout(() => {
      if (this.#view.note !== words) return;
      this.#view.note = before === words ? "" : before;
      this.#status.show();
    }, 5_000);
  }

  #copy(rows = this.#choice.rows, asJSON = false) {
    if (rows.length === 0) return;
    const text = rows.map(asJSON ? jsonOfRow : lineOf).join("\n");
    write(text).then(() => this.#tell(`copied ${plural(rows.length, "entry", "entries")}`));
  }

  #copyLink(row = this.#choice.current) {
    if (!row) return;
    const target = this.#choice.has(row) ? this.#state.row : placeOf(row);
    const link = address.format({ ...this.#state, row: target, pins: [] });
    write(new URL(link, location).href).then(() => this.#tell(`copied the link to ${addressOf(row)}`));
  }

  /** Shows an entry in its place, without loading anything if it is held. */
  #goTo(pin) {
    const row = placeOf(pin);
    const held = this.#view.isOne ? this.#view.rows.find(row) : null;
    if (!held) return this.#go({ row });
    this.#view.pause();
    this.#choice.select(held);
  }

  /** Narrows the filter by a field's value. */
  #only(name, value, isNot) {
    const { filter } = this.#state;
    const before = / OR /.test(filter) ? `(${filter})` : filter;
    this.#refilter({ filter: `${before} ${termOf(name, value, isNot)}`.trim() });
  }

  #column(name) {
    const has = settings.columns.includes(name);
    this.#prefer({ columns: has ? settings.columns.filter((each) => each !== name) : [...settings.columns, name] });
  }

  #chooseTimes(since, until, isOpen = false) {
    // The last nanosecond before a time.
    const text = (ms) => new Date(ms).toISOString();
    const end = isOpen ? text(until - 1).replace("Z", "999999Z") : until && text(until);
    this.#go({ since: text(since), until: end ?? "", row: null, chart: true });
  }

  #setChart(isShown) {
    byID("chart").ariaPressed = isShown;
    this.#histogram.show(isShown);
  }

  #toggleChart() {
    this.#state.chart = !this.#state.chart;
    address.show(this.#state);
    this.#setChart(this.#state.chart);
  }

  #toggleFields() {
    const isShown = !this.#facets.isShown;
    byID("fields").ariaPressed = isShown;
    this.#facets.show(isShown);
  }

  #prefer(values) {
    change(values);
    if ("wrap" in values) this.#state.wrap = values.wrap;
    if ("zone" in values) this.#state.zone = values.zone;
    if ("columns" in values) this.#state.columns = values.columns.join(",");
    address.show(this.#state);
    this.#applySettings();
    this.#columns.show();
    this.#view.list.forgetWidth();
    this.#view.reform();
    this.#view.list.redraw();
    this.#histogram.open(this.#state);
  }

  /** What keys, buttons and the palette's commands do, by the names that the page has for them. */
  #actions() {
    const focus = (id) => () => byID(id).focus();
    return {
      choose: () => this.#palette.show(this.#state.streams, this.#keys.commands),
      settings: () => showPreferences((values) => this.#prefer(values), this.#session, logOut),
      filter: focus("filter"),
      find: () => this.#tell("the browser finds only the rows on the screen: / searches all that is stored"),
      highlight: focus("highlight"),
      older: () => this.#findNext(-1),
      newer: () => this.#findNext(1),
      olderError: () => this.#findError(-1),
      newerError: () => this.#findError(1),
      level: focus("level"),
      toggle: () => this.#toggle(),
      stream: () => (this.#view.isStopped ? this.#refresh() : this.#view.stop()),
      end: () => this.#view.toEnd(),
      start: () => this.#view.toStart(),
      down: () => this.#choice.step(1),
      up: () => this.#choice.step(-1),
      moreDown: () => this.#choice.step(1, true),
      moreUp: () => this.#choice.step(-1, true),
      open: () => this.#openRow(),
      context: () => this.#context(),
      copy: () => this.#copy(),
      copyJSON: () => this.#copy(this.#choice.rows, true),
      link: () => this.#copyLink(),
      pin: () => this.#pins.toggle(this.#choice.current),
      wrap: () => this.#prefer({ wrap: !settings.wrap }),
      theme: () => this.#prefer({ theme: settings.theme === "dark" ? "light" : "dark" }),
      chart: () => this.#toggleChart(),
      fields: () => this.#toggleFields(),
      download: () => byID("download").click(),
      clear: () => this.#view.clear(),
      refresh: () => this.#refresh(),
      help: () => byID("keys").showModal(),
    };
  }
}

new Page().begin();
