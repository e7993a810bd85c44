// What is shown: the rows of some streams, kept up to date by a subscription, read by number where they are not held.
//
// While the reader is at the end, rows come and the oldest are forgotten. Elsewhere nothing moves: what comes is counted,
// and kept as long as there is room. What is not kept is read again when it is scrolled to.

import { isPattern } from "./address.js";
import { byNumber, byTime, gapRow, isEntry, levelIndex, prepare } from "./entry.js";
import { List } from "./list.js";
import { Live, Rates } from "./live.js";
import { get, Problem, streamPath } from "./server.js";
import { Rows } from "./rows.js";

export const budget = { rows: 50_000, size: 64 << 20 };
const pageRows = 500;

/** Rows on each side of one that is shown in its place. */
const aroundRows = 200;

/** How many new rows are read in place; beyond that the end is read anew. */
const catchUpRows = 5_000;

/** How many numbers a search looks at before it says how far it is; adapted to how long that takes. */
const firstSliceNumbers = 200_000;
const sliceMilliseconds = 400;

export class View {
  rows;
  list;
  live;
  rates = new Rates();
  /** Since the reader left the end. */
  news = { count: 0, errors: 0 };
  /** The stream, if it is one. */
  stream = null;
  isLoading = false;
  /** Whether there is nothing before the first row, and nothing stored behind the last. */
  isAtStart = false;
  isAtEnd = false;
  /** How far a search has come; null when none is under way. */
  search = null;
  problem = null;
  note = "";
  #view;
  #generation = 0;
  #abort = new AbortController();
  #incarnation = "";
  #late = 0;
  #clearedAt = null;
  #slice = firstSliceNumbers;
  #told;

  /** @param told `changed()`, `render(row)`, `hasFixedHeight(row)`, `estimate(row)`, `painted(rows)`, `resized()`, `entries(rows)` */
  constructor(told) {
    this.#told = told;
    this.rows = new Rows((left, right) => this.#compare(left, right), told.estimate);
    this.list = new List(this.rows, {
      render: told.render,
      hasFixedHeight: told.hasFixedHeight,
      resized: told.resized,
      painted: told.painted,
      moved: (isUp) => (isUp ? this.#left() : this.#reachedEnd()),
      nearEdge: () => this.#fillEdges(),
    });
    this.list.rate = () => this.rates.now;
    this.live = new Live({
      state: () => told.changed(),
      entries: (rows) => this.#arrived(rows),
      skipped: (skip) => this.#skipped(skip),
      live: (resumed) => this.#isLive(resumed),
      ended: () => told.changed(),
      refused: (problem) => this.#refused(problem),
    });
  }

  get isOne() { return this.#view.streams.length === 1 && !isPattern(this.#view.streams[0]); }
  get isBounded() { return Boolean(this.#view.until); }
  get isFollowing() { return this.list.isFollowing; }
  #compare(left, right) { return this.isOne ? byNumber(left, right) : byTime(left, right); }

  get #terms() { return [["filter", this.#view.filter], ["level", this.#view.level]]; }
  get #isFiltered() { return Boolean(this.#view.filter || this.#view.level); }

  // A view begins

  /** Shows other streams, another filter or other times; `row` is what the reader wants to see or keep in sight. */
  async open(view, row = null) {
    this.#view = view;
    this.#generation += 1;
    const generation = this.#generation;
    this.#abort.abort();
    this.#abort = new AbortController();
    this.rows.clear();
    this.rates.clear();
    this.stream = null;
    this.problem = null;
    this.note = "";
    this.search = null;
    this.#incarnation = "";
    this.#clearedAt = null;
    this.#late = 0;
    this.#resetNews();
    this.isAtStart = this.isAtEnd = false;
    this.isLoading = true;
    this.list.forgetWidth();
    this.list.redraw();
    this.#told.changed();
    try {
      if (this.isOne) await this.#readStream();
      if (generation !== this.#generation) return;
      if (row) await this.#openAround(row, generation);
      else if (view.since && this.isBounded) await this.#openAtStart(generation);
      else this.#openAtEnd();
    } catch (error) {
      if (generation === this.#generation) this.#failed(error);
    }
  }

  async #readStream() {
    const [name] = this.#view.streams;
    const { value } = await get("streams", [["pattern", name]], this.#abort.signal);
    this.stream = value.streams[0] ?? null;
    this.#incarnation = this.stream?.incarnation ?? "";
  }

  get #request() {
    return { streams: this.#view.streams, filter: this.#view.filter, level: this.#view.level };
  }

  /** Shows the end, and what comes. Pages are read once it is known where live entries begin. */
  #openAtEnd() {
    this.list.follow();
    if (this.isBounded) {
      this.live.end();
      this.isAtEnd = true;
      this.list.hold();
      this.#readOlder().then(() => this.list.follow());
      return;
    }
    this.isAtEnd = true;
    this.live.begin(this.#request);
  }

  /** Shows the first rows of a range of time. */
  async #openAtStart() {
    this.live.end();
    this.list.hold();
    this.isAtStart = true;
    await this.#readNewer();
  }

  /** Shows an entry with what is around it. */
  async #openAround(row, generation) {
    this.list.hold();
    this.live.begin(this.#request);
    const { before, after } = await (this.isOne ? this.#aroundInOne(row) : this.#aroundInSeveral(row));
    if (generation !== this.#generation) return;
    this.isLoading = false;
    const found = [...before.reverse(), ...after];
    this.#add(found);
    const target = found.find((each) => each.stream === row.stream && each.seq >= row.seq) ?? found.at(-1);
    if (target) this.list.goTo(target);
    if (target?.seq !== row.seq) this.note = `${row.stream}@${row.seq} is not here; this is what comes behind it`;
    this.#told.changed();
    if (this.isAtEnd) this.#attach();
    await this.#fillEdges();
  }

  async #aroundInOne(row) {
    const path = `${streamPath(row.stream)}/entries`;
    const [before, after] = await Promise.all([
      this.#read(path, [["before", String(row.seq)], ["limit", String(aroundRows)], ...this.#terms]),
      this.#read(path, [["after", String(row.seq - 1)], ["limit", String(aroundRows)], ...this.#terms]),
    ]);
    this.isAtEnd = after.length < aroundRows;
    this.isAtStart = before.length < aroundRows && !this.#isFiltered && (this.stream?.first ?? 1) <= 1;
    return { before, after };
  }

  async #aroundInSeveral(row) {
    const [target] = await this.#read(
      `${streamPath(row.stream)}/entries`, [["after", String(row.seq - 1)], ["limit", "1"]]);
    if (!target) return { before: [], after: [] };
    const parameters = [
      ...this.#view.streams.map((name) => ["stream", name]), ["limit", String(aroundRows)], ...this.#terms,
    ];
    const [before, after] = await Promise.all([
      this.#read("entries", [...parameters, ["until", timeText(target)]]),
      this.#read("entries", [...parameters, ["since", timeText(target)], ["sort_order", "asc"]]),
    ]);
    this.isAtEnd = after.length < aroundRows;
    return { before, after: [target, ...after].sort(byTime) };
  }

  async #read(path, parameters) {
    // What does not exist yet has no entries.
    if (this.isOne && !this.stream) return [];
    try {
      const { value, isCapped } = await get(path, parameters, this.#abort.signal);
      this.isCapped = isCapped;
      return value.map(prepare);
    } catch (error) {
      if (error instanceof Problem && error.code === "unknown_stream") return [];
      throw error;
    }
  }

  #failed(error) {
    if (error.name === "AbortError") return;
    this.isLoading = false;
    this.search = null;
    this.problem = error;
    this.#told.changed();
  }

  // What is stored

  /** The generation of the view for which something is being read. */
  #readsFor = 0;

  /** Reads on where the reader comes near an end of what is held. */
  async #fillEdges() {
    if (this.#readsFor === this.#generation || !this.#view || this.problem) return;
    const { above, below } = this.list.room;
    const near = 2 * this.list.height;
    try {
      if (above < near && !this.isAtStart && this.rows.count > 0) await this.#readOlder();
      else if (below < near && !this.isAtEnd && !this.isFollowing) await this.#readNewer();
    } catch (error) {
      this.#failed(error);
    }
  }

  async #reading(action) {
    const generation = this.#generation;
    if (this.#readsFor === generation) return;
    this.#readsFor = generation;
    try {
      await action(generation);
    } finally {
      if (generation === this.#generation) {
        this.#readsFor = 0;
        this.isLoading = false;
        this.search = null;
        this.#told.changed();
        this.list.paintSoon();
      }
    }
  }

  /** A page of what is before the first row. */
  async #readOlder() {
    await this.#reading(async (generation) => {
      const rows = this.isOne ? await this.#olderOfOne(generation) : await this.#olderOfSeveral();
      if (generation !== this.#generation) return;
      this.#add(rows);
    });
    if (this.rows.count > 0) queueMicrotask(() => this.#fillEdges());
  }

  /** Goes down in slices, so that a search through a long stream can say how far it is, and be given up. */
  async #olderOfOne(generation) {
    const path = `${streamPath(this.#view.streams[0])}/entries`;
    const first = this.stream?.first ?? 1;
    let before = this.#firstNumber ?? this.#liveStart + 1;
    for (;;) {
      const parameters = [["before", String(before)], ["limit", String(pageRows)], ...this.#terms];
      parameters.push(["since", this.#view.since]);
      const low = this.#isFiltered && !this.#view.since ? Math.max(first, before - this.#slice) : first;
      if (low > first) parameters.push(["after", String(low - 1)]);
      if (this.#view.until && this.rows.count === 0) parameters.push(["until", this.#view.until]);
      const start = performance.now();
      const page = await this.#read(path, parameters);
      this.#adapt(performance.now() - start);
      if (generation !== this.#generation) return [];
      const rows = this.#within(page).reverse();
      const isDone = rows.length < page.length || (page.length < pageRows && low <= first);
      if (isDone) this.isAtStart = true;
      if (rows.length > 0 || isDone) return this.#withGaps(rows, before);
      before = low;
      this.search = { at: low, first };
      this.#told.changed();
    }
  }

  #adapt(milliseconds) {
    if (milliseconds < sliceMilliseconds / 2) this.#slice *= 2;
    else if (milliseconds > sliceMilliseconds) this.#slice = Math.max(10_000, Math.floor(this.#slice / 2));
  }

  /** Without those before the start that was asked for. */
  #within(page) {
    const since = this.#sinceMilliseconds;
    const start = this.#clearedAt;
    return page.filter((row) => row.ms >= since && (!start || this.#compare(row, start) > 0));
  }

  get #sinceMilliseconds() { return this.#view.since ? timeOf(this.#view.since) : -Infinity; }

  /** Without a filter numbers are dense: what is missing between them, or before them, has a row of its own. */
  #withGaps(rows, before) {
    if (this.#isFiltered) return rows;
    const result = [];
    const name = this.#view.streams[0];
    let next = rows[0]?.seq ?? before;
    if (this.isAtStart && next > 1 && !this.#view.since && !this.#clearedAt) {
      result.push(gapRow(name, 1, next - 1, "trimmed", rows[0]));
    }
    for (const row of rows) {
      if (row.seq > next) result.push(gapRow(name, next, row.seq - 1, "deleted or lost", row));
      result.push(row);
      next = row.seq + 1;
    }
    return result;
  }

  get #firstNumber() { return this.rows.first?.seq; }
  get #liveStart() {
    const cursor = this.live.after[this.#view.streams[0]];
    return cursor ? Number(cursor.split(".").at(-1)) : this.stream?.last ?? 0;
  }

  async #olderOfSeveral() {
    const first = this.rows.first;
    const until = first ? timeText(first) : this.#view.until;
    const parameters = [
      ...this.#view.streams.map((name) => ["stream", name]), ["until", until], ["limit", String(pageRows)],
      ["since", this.#view.since], ...this.#terms,
    ];
    for (let offset = 0; ; offset += pageRows) {
      const page = await this.#read("entries", [...parameters, ["offset", offset ? String(offset) : ""]]);
      if (page.length < pageRows) this.isAtStart = !this.isCapped;
      if (this.isCapped && page.length < pageRows) {
        this.note = "more entries than can be put in order; choose fewer streams or another time to see older ones";
        this.isAtStart = true;
      }
      const rows = this.#within(page).reverse();
      // Many may have the same time as the first one that is held.
      if (page.length < pageRows || rows.some((row) => !this.rows.find(row))) return rows;
    }
  }

  /** A page of what is behind the last row; at the end, the subscription goes on. */
  async #readNewer() {
    await this.#reading(async (generation) => {
      const [rows, isLast] = await (this.isOne ? this.#newerOfOne() : this.#newerOfSeveral());
      if (generation !== this.#generation) return;
      this.#add(rows);
      if (isLast) this.isAtEnd = true;
    });
    if (this.isAtEnd && !this.isBounded) this.#attach();
    else queueMicrotask(() => this.#fillEdges());
  }

  async #newerOfOne() {
    const last = this.rows.last;
    const parameters = last ? [["after", String(last.gap ? last.to : last.seq)]] : [["since", this.#view.since]];
    parameters.push(["limit", String(pageRows)], ...this.#terms);
    const page = await this.#read(`${streamPath(this.#view.streams[0])}/entries`, parameters);
    const until = this.#view.until ? timeOf(this.#view.until) : Infinity;
    const rows = page.filter((row) => row.ms <= until);
    return [rows, page.length < pageRows || rows.length === 0];
  }

  async #newerOfSeveral() {
    const last = this.rows.last;
    const parameters = [
      ...this.#view.streams.map((name) => ["stream", name]), ["since", last ? timeText(last) : this.#view.since],
      ["until", this.#view.until], ["sort_order", "asc"], ["limit", String(pageRows)], ...this.#terms,
    ];
    for (let offset = 0; ; offset += pageRows) {
      const page = await this.#read("entries", [...parameters, ["offset", offset ? String(offset) : ""]]);
      if (this.isCapped) this.note = "more entries than can be put in order here; go to the end, or choose a time";
      const isLast = page.length < pageRows;
      if (isLast || page.some((row) => !this.rows.find(row))) return [page, isLast];
    }
  }

  // What comes

  /** The rows reach the end again: what comes from the last one on belongs to them. */
  #attach() {
    if (this.isBounded) return;
    const after = { ...this.live.after };
    if (this.isOne) {
      const last = this.rows.last;
      if (last && this.#incarnation) after[last.stream] = `${this.#incarnation}.${last.gap ? last.to : last.seq}`;
      this.live.begin(this.#request, after);
    }
    this.isAtEnd = true;
  }

  #isLive(resumed) {
    if (resumed) {
      const at = this.isOne ? ` at ${this.#liveStart}` : "";
      this.note = `resumed${at}, ${resumed.missing.toLocaleString("en")} missing`;
    }
    if (this.rows.count === 0 && !this.isAtStart) {
      this.isLoading = true;
      this.#readOlder().catch((error) => this.#failed(error));
    }
    this.#told.changed();
  }

  #arrived(rows) {
    if (!this.#view) return;
    this.rates.add(rows);
    this.#told.entries(rows);
    if (this.isOne && this.stream === null) this.#learnStream();
    if (!this.isFollowing) this.#count(rows);
    if (this.isAtEnd) {
      const last = this.rows.last;
      const added = this.#add(rows);
      if (!this.isOne && last) this.#late += added.filter((row) => row.ms < last.ms - 2_000).length;
    }
    this.#told.changed();
  }

  /** The stream has been created meanwhile. */
  #learnStream() {
    this.stream = { first: 1 };
    const cursor = this.live.after[this.#view.streams[0]];
    if (cursor) this.#incarnation = cursor.split(".")[0];
  }

  get lateCount() { return this.#late; }

  #count(rows) {
    this.news.count += rows.length;
    for (const row of rows) if (levelIndex(row.severity) >= 4) this.news.errors += 1;
  }

  #resetNews() { this.news = { count: 0, errors: 0 }; }

  #skipped({ stream, from, to, reason }) {
    if (this.isAtEnd) this.#add([gapRow(stream, from, to, reason, this.rows.last)]);
  }

  #refused(problem) {
    if (problem.code === "stream_replaced") {
      this.note = "the stream was deleted and begun anew";
      this.open(this.#view);
      return;
    }
    this.problem = new Problem(problem.status, problem);
    this.#told.changed();
  }

  // What is held

  /** Adds rows, and forgets others where there are too many: those that are farthest from what is read. */
  #add(rows) {
    let added = [];
    this.list.change(() => {
      added = this.rows.add(rows);
      const isOver = this.rows.count > budget.rows || this.rows.size > budget.size;
      if (!isOver) return;
      const { above, below } = this.list.room;
      if (this.isFollowing || above > below) {
        this.rows.dropFirst(budget.rows, budget.size);
        this.isAtStart = false;
      } else {
        this.rows.dropLast(budget.rows, budget.size);
        this.isAtEnd = false;
      }
    });
    return added;
  }

  // What the reader does

  #left() {
    this.#resetNews();
    this.#told.changed();
  }

  #reachedEnd() {
    if (this.isAtEnd) this.toEnd();
    else this.#fillEdges();
  }

  pause() {
    this.list.hold();
    this.#left();
  }

  /** Goes to the end, and stays there. */
  toEnd() {
    if (!this.isAtEnd && !this.isBounded) {
      if (this.isOne && this.news.count <= catchUpRows && this.rows.count > 0) this.#attach();
      else return this.open(this.#view);
    }
    this.#resetNews();
    this.list.follow();
    this.#told.changed();
  }

  /** Goes to the first entry there is. */
  async toStart() {
    this.pause();
    if (this.isAtStart) {
      if (this.rows.first) this.list.goTo(this.rows.first, 0);
      return;
    }
    if (this.isOne) return this.open(this.#view, { stream: this.#view.streams[0], seq: this.stream?.first ?? 1 });
    this.note = "of several streams, choose a time to go far back";
    this.#told.changed();
  }

  /** Hides what is here; it stays stored. */
  clear() {
    const last = this.rows.last;
    this.list.change(() => {
      this.rows.clear();
      if (last) this.#clearedAt = last;
      this.isAtStart = true;
    });
    this.note = "cleared; Refresh shows it again";
    this.toEnd();
  }

  /** Looks from a row for one that passes a test, first in what is held, then, of one stream, in what is stored. */
  async find(marks, from, step) {
    for (const row of from ? this.rows.from(from, step) : []) {
      if (row !== from && isEntry(row) && marks.match(row.message)) return row;
    }
    const edge = step < 0 ? this.rows.first : this.rows.last;
    if (!this.isOne || !edge || (step < 0 ? this.isAtStart : this.isAtEnd)) return null;
    const words = marks.words.map((word) => JSON.stringify(word)).join(" OR ");
    const filter = this.#view.filter ? `(${this.#view.filter}) (${words})` : words;
    const place = step < 0 ? ["before", String(edge.seq)] : ["after", String(edge.to ?? edge.seq)];
    const path = `${streamPath(this.#view.streams[0])}/entries`;
    const [row] = await this.#read(path, [place, ["limit", "1"], ["filter", filter], ["level", this.#view.level]]);
    return row ?? null;
  }
}

/** The end of a row's time, for requests. */
const timeText = (row) => row.time ?? row.received ?? new Date(row.ms).toISOString();

/** A time of the address, as milliseconds: a moment, or a span before now. */
export function timeOf(text) {
  const match = /^(\d+)(s|m|h|d|w)$/.exec(text);
  const units = { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 };
  return match ? Date.now() - Number(match[1]) * units[match[2]] : Date.parse(text);
}
