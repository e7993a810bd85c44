// What is shown: the rows of some streams, kept up to date by a subscription, read by number where they are not held.
//
// While the reader is at the end, rows come and the oldest are forgotten. Elsewhere nothing moves: what comes is counted,
// and kept as long as there is room. What is not kept is read again when it is scrolled to.

import { isPattern } from "./address.js";
import { byNumber, byTime, gapRow, isEntry, levelIndex } from "./entry.js";
import { List } from "./list.js";
import { Live, Rates } from "./live.js";
import { Pages } from "./pages.js";
import { get, Problem } from "./server.js";
import { Rows } from "./rows.js";

export const budget = { rows: 50_000, size: 64 << 20 };
/** How many new rows are read in place; beyond that the end is read anew. */
const catchUpRows = 5_000;

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
  #pages = null;
  #incarnation = "";
  #late = 0;
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
      this.#pages = new Pages(view, this.stream, this.#abort.signal);
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
    const { rows: found, isEnd } = await this.#pages.around(row);
    if (generation !== this.#generation) return;
    this.isLoading = false;
    this.isAtEnd = isEnd;
    this.#add(found);
    const target = found.find((each) => each.stream === row.stream && each.seq >= row.seq) ?? found.at(-1);
    if (target) this.list.goTo(target);
    if (target?.seq !== row.seq) this.note = `${row.stream}@${row.seq} is not here; this is what comes behind it`;
    this.#told.changed();
    if (this.isAtEnd) this.#attach();
    await this.#fillEdges();
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
    if (this.#readsFor === this.#generation || !this.#pages || this.problem) return;
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
      const { rows, isStart } = await this.#pages.older(this.rows, this.#liveStart + 1, (search) => {
        this.search = search;
        this.#told.changed();
      });
      if (generation !== this.#generation) return;
      this.isAtStart = isStart;
      this.note = this.#pages.note || this.note;
      this.#add(rows);
    });
    if (this.rows.count > 0) queueMicrotask(() => this.#fillEdges());
  }

  /** A page of what is behind the last row; at the end, the subscription goes on. */
  async #readNewer() {
    await this.#reading(async (generation) => {
      const { rows, isEnd } = await this.#pages.newer(this.rows);
      if (generation !== this.#generation) return;
      this.note = this.#pages.note || this.note;
      this.isAtEnd = isEnd;
      this.#add(rows);
    });
    if (this.isAtEnd && !this.isBounded) this.#attach();
    else queueMicrotask(() => this.#fillEdges());
  }

  /** The last number that is stored, as far as is known. */
  get #liveStart() {
    const cursor = this.live.after[this.#view.streams[0]];
    return cursor ? Number(cursor.split(".").at(-1)) : this.stream?.last ?? 0;
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
      if (last && this.#pages) this.#pages.clearedAt = last;
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
    return this.#pages.match(marks.words, step < 0 ? edge.seq : edge.to ?? edge.seq, step);
  }
}
