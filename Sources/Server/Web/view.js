// What is shown: the rows of some streams, kept up to date by a subscription, read by number where they are not held.
//
// While the reader is at the end, rows come and the oldest are forgotten. Elsewhere nothing moves: what comes is
// counted, and kept as long as there is room. What is not kept is read again when it is scrolled to.

import { filterOf, isOne } from "./address.js";
import { Dividers } from "./dividers.js";
import { byNumber, byTime, gapRow, isEntry, levelIndex } from "./entry.js";
import { List } from "./list.js";
import { Live, number, Rates } from "./live.js";
import { Pages } from "./pages.js";
import { get, Problem } from "./server.js";
import { Rows } from "./rows.js";

export const budget = { rows: 50_000, size: 64 << 20 };

/** When to ask again a server that does not answer. */
const retryMilliseconds = 1_500;

/** How many new rows are read in place; beyond that the end is read anew. */
const catchUpRows = 5_000;

const unanswered = "no answer from the server; trying again";

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
  /** Whether the reader has stopped the stream: only status entries come, and are not shown. */
  isStopped = false;
  /** Whether there is nothing before the first row, and nothing stored behind the last. */
  isAtStart = false;
  isAtEnd = false;
  /** How far a search has come; null when none is under way. */
  search = null;
  problem = null;
  note = "";
  #view = { streams: [], filter: "", level: "", since: "", until: "" };
  #generation = 0;
  #abort = new AbortController();
  #pages = null;
  #dividers;
  #incarnation = "";
  #late = 0;
  /** Whether the first rows are those at the end, which are read once it is known where live entries begin. */
  #beginsAtEnd = false;
  /** Whether they were read without that. */
  #isWithoutLive = false;
  /** Of several streams, what came since the page began to be read that may reach the end. */
  #came = [];
  /** Called when the subscription has begun, or cannot begin. */
  #connected = () => {};
  #told;

  /**
   * @param told `changed()`, `render(row)`, `hasFixedHeight(row)`, `estimate(row)`, `painted(rows)`, `resized()`,
   *   `entries(rows)`
   */
  constructor(told) {
    this.#told = told;
    this.rows = new Rows((left, right) => this.#compare(left, right), told.estimate);
    this.#dividers = new Dividers(this.rows, (left, right) => this.#compare(left, right));
    this.list = new List(this.rows, {
      ...told,
      painted: (rows) => {
        if (rows.length > 0) this.#dividers.see(this.list.seen.last);
        told.painted(rows);
      },
      moved: (isUp) => (isUp ? this.#left() : this.#reachedEnd()),
      nearEdge: () => this.#fillEdges(),
    });
    this.list.rate = () => this.rates.now;
    this.live = new Live({
      state: () => told.changed(),
      entries: (rows, isAgain) => this.#arrived(rows, isAgain),
      skipped: (skip) => this.#skipped(skip),
      live: (resumed) => this.#isLive(resumed),
      ended: () => this.#isLive(null),
      unreachable: () => this.#isUnreachable(),
      refused: (problem) => this.#refused(problem),
    });
  }

  get isOne() { return isOne(this.#view); }
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
    this.isAtStart = this.isAtEnd = this.isStopped = false;
    this.isLoading = true;
    this.#beginsAtEnd = this.#isWithoutLive = false;
    this.#came = [];
    this.list.forgetWidth();
    this.list.redraw();
    this.#told.changed();
    try {
      if (this.isOne) await this.#readStream();
      if (generation !== this.#generation) return;
      this.#pages = new Pages(view, this.stream, this.#abort.signal);
      this.#dividers.open(
        [...view.streams, view.filter, view.level, view.since, view.until].join(" "), this.#incarnation);
      if (row) await this.#openAround(row, generation);
      else if (view.since && this.isBounded) await this.#openAtStart(generation);
      else this.#openAtEnd();
    } catch (error) {
      if (generation === this.#generation) this.#failed(error, () => this.open(view, row));
    }
  }

  async #readStream() {
    const [name] = this.#view.streams;
    const { value } = await get("streams", [["pattern", name]], this.#abort.signal);
    this.stream = value.streams[0] ?? null;
    this.#incarnation = this.stream?.incarnation ?? "";
  }

  get #request() {
    return { streams: this.#view.streams, filter: filterOf(this.#view), level: this.#view.level };
  }

  /** Shows the end, and what comes. Pages are read once it is known where live entries begin. */
  #openAtEnd() {
    this.list.follow();
    if (this.isBounded) {
      this.live.end();
      this.isAtEnd = true;
      this.list.hold();
      this.#readMore(-1).then(() => this.list.follow()).catch((error) => this.#failed(error));
      return;
    }
    this.isAtEnd = this.#beginsAtEnd = true;
    this.live.begin(this.#request);
  }

  /** Shows the first rows of a range of time. */
  async #openAtStart() {
    this.live.end();
    this.list.hold();
    this.isAtStart = true;
    await this.#readMore(1);
  }

  /** Shows an entry with what is around it. */
  async #openAround(wanted, generation) {
    const last = this.stream?.last;
    const row = last && wanted.seq > last ? { ...wanted, seq: last } : wanted;
    this.list.hold();
    const isConnected = new Promise((done) => { this.#connected = done; });
    this.live.begin(this.#request);
    // One stream goes on behind its last row. Of several, what comes has to begin before what is stored ends.
    if (!this.isOne) await isConnected;
    if (generation !== this.#generation) return;
    const { rows: found, isEnd } = await this.#pages.around(row, this.#liveStart + 1, this.#searching);
    if (generation !== this.#generation) return;
    this.isLoading = false;
    this.search = null;
    this.isAtEnd = isEnd;
    this.#add(found);
    const ofStream = found.filter((each) => each.stream === row.stream);
    const target = ofStream.find((each) => each.seq === row.seq) ?? ofStream.find((each) => each.seq > row.seq)
      ?? found.at(-1);
    if (target) this.list.goTo(target);
    if (row !== wanted) this.note = `${row.stream}@${wanted.seq} is not here yet`;
    else if (target && target.seq !== row.seq) {
      const where = target.seq > row.seq ? "behind" : "before";
      this.note = `${row.stream}@${row.seq} is not here; this is what comes ${where} it`;
    }
    this.#told.changed();
    if (this.isAtEnd) this.#attach();
    await this.#fillEdges();
  }

  /** @param again what to do when the server may answer again */
  #failed(error, again = () => this.#fillEdges()) {
    if (error.name === "AbortError") return;
    this.search = null;
    if (!(error instanceof Problem) || error.isRetryable) {
      this.note = unanswered;
      const generation = this.#generation;
      setTimeout(() => generation === this.#generation && again(), retryMilliseconds);
    } else {
      this.isLoading = false;
      this.problem = error;
    }
    this.#told.changed();
  }

  // What is stored

  /** The generation of the view for which something is being read. */
  #readsFor = 0;

  /** Reads on where the reader comes near an end of what is held. */
  async #fillEdges() {
    if (this.#readsFor === this.#generation || !this.#pages || this.problem || this.rows.count === 0) return;
    const { above, below } = this.list.room;
    const near = 2 * this.list.height;
    // At the end, what does not fit would only be forgotten again.
    const hasRoom = !this.isFollowing || this.rows.size < budget.size / 2;
    try {
      if (above < near && !this.isAtStart && hasRoom) await this.#readMore(-1);
      else if (below < near && !this.isAtEnd && (!this.isFollowing || this.isBounded)) await this.#readMore(1);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** For what is read now: says how far its search is. */
  get #searching() {
    const generation = this.#generation;
    return (words, share) => {
      if (generation !== this.#generation) return;
      this.search = `${words}, ${Math.floor(100 * share)} %`;
      this.#told.changed();
    };
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

  /** A page of what is before the first row (step -1), or behind the last one; at the end, the subscription goes on. */
  async #readMore(step) {
    if (step > 0) this.#came = [];
    await this.#reading(async (generation) => {
      const { rows, isAll } = await this.#pages.more(step, this.rows, this.#liveStart + 1, this.#searching);
      if (generation !== this.#generation) return;
      if (this.note === unanswered) this.note = "";
      this.note = this.#pages.note || this.note;
      this[step < 0 ? "isAtStart" : "isAtEnd"] = isAll;
      this.#add(rows);
    });
    if (step > 0 && this.isAtEnd && !this.isBounded) this.#attach();
    else if (this.rows.count > 0) queueMicrotask(() => this.#fillEdges());
  }

  /** The last number that is stored, as far as is known. */
  get #liveStart() {
    const cursor = this.live.after[this.#view.streams[0]];
    return cursor ? number(cursor) : this.stream?.last ?? 0;
  }

  // What comes

  /** The rows reach the end again: what comes from the last one on belongs to them. */
  #attach() {
    if (this.isBounded || this.isStopped) return;
    const after = { ...this.live.after };
    if (this.isOne) {
      const last = this.rows.last;
      if (last && this.#incarnation) after[last.stream] = `${this.#incarnation}.${last.gap ? last.to : last.seq}`;
      this.live.begin(this.#request, after);
    } else {
      this.#add(this.#came);
    }
    this.#came = [];
    this.isAtEnd = true;
  }

  #isLive(resumed) {
    this.#connected();
    // What came between the page that was read and now is in neither.
    if (this.#isWithoutLive) return this.open(this.#view, this.isFollowing ? null : this.list.seen.first);
    if (resumed) {
      const at = this.isOne ? ` at ${this.#liveStart}` : "";
      this.note = `resumed${at}, ${resumed.missing.toLocaleString("en")} missing`;
    }
    // It may have been created since the view looked for it.
    if (this.isOne && this.stream === null && this.live.after[this.#view.streams[0]]) this.#learnStream();
    this.#readEnd();
    this.#told.changed();
  }

  /** The first rows of a view of the end. */
  #readEnd() {
    if (!this.#beginsAtEnd || this.rows.count > 0 || this.isAtStart) return;
    this.isLoading = true;
    this.#readMore(-1).catch((error) => this.#failed(error, () => this.#readEnd()));
  }

  /** Nothing live comes through: what is stored can be shown all the same. */
  #isUnreachable() {
    this.#connected();
    this.note = "neither a WebSocket nor events come through: Refresh reads again";
    this.#isWithoutLive = this.#beginsAtEnd;
    this.#readEnd();
    this.#told.changed();
  }

  /** Ends streaming until the view is opened again: what is held stays, and the parts hear what starts. */
  stop() {
    this.isStopped = true;
    this.live.begin({ streams: this.#view.streams, filter: "kind:status" });
  }

  /** @param isAgain whether they have come before, and are needed again */
  #arrived(rows, isAgain) {
    if (this.isStopped) return this.#told.entries(rows);
    if (!isAgain) {
      this.rates.add(rows);
      this.#told.entries(rows);
      if (!this.isFollowing) this.#count(rows);
    }
    if (this.isOne && this.stream === null) this.#learnStream();
    if (this.isAtEnd) this.#append(rows);
    else if (!this.isOne) this.#keep(rows);
    this.#told.changed();
  }

  #append(rows) {
    const last = this.rows.last;
    const added = this.#add(rows);
    if (!this.isOne && last) this.#late += added.filter((row) => row.ms < last.ms - 2_000).length;
  }

  /** Of several streams, away from the end: what belongs among the rows that are held, and what a page may not have. */
  #keep(rows) {
    const { last } = this.rows;
    this.#add(rows.filter((row) => last && this.#compare(row, last) < 0));
    this.#came.push(...rows);
    if (this.#came.length > catchUpRows) this.#came = [];
  }

  /** The stream has been created meanwhile. */
  #learnStream() {
    this.stream = { first: 1 };
    this.#pages = new Pages(this.#view, this.stream, this.#abort.signal);
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
    this.#connected();
    if (problem.code === "stream_replaced" || problem.code === "cursor_ahead") {
      const note = "the stream was deleted and begun anew";
      if (this.isFollowing) {
        this.open(this.#view);
      } else {
        // What is read stays: it is all that is left of it.
        this.live.end();
        this.isAtStart = true;
        this.isAtEnd = false;
        this.#pages = null;
      }
      this.note = note;
      return this.#told.changed();
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
      this.#dividers.update(added, this.isAtEnd);
      const isOver = this.rows.count > budget.rows || this.rows.size > budget.size;
      if (!isOver) return;
      const { above, below } = this.list.room;
      const isFirst = this.isFollowing || above > below;
      this.rows.drop(isFirst, budget);
      this[isFirst ? "isAtStart" : "isAtEnd"] = false;
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

  /** Rows have other heights, or days begin elsewhere. */
  reform() {
    this.list.change(() => {
      this.#dividers.renew();
      this.rows.estimateAll();
    });
  }

  /** Of one stream numbers are places in all of it; of several only the rows that are held have places. */
  placeOf(row) { return this.isOne ? row.seq : this.rows.indexOf(row) + 1; }

  get placeCount() {
    if (this.isOne) return Math.max(this.#liveStart, this.rows.last?.seq ?? 0);
    return this.isAtStart && this.isAtEnd && this.rows.last ? this.placeOf(this.rows.last) : -1;
  }

  toEnd() {
    if (this.#view.streams.length === 0) return;
    if (!this.isAtEnd && !this.isBounded) {
      if (this.isStopped) return this.open(this.#view);
      const last = this.rows.last;
      const isNear = this.isOne && last && this.#pages && this.#liveStart - (last.to ?? last.seq) <= catchUpRows;
      if (!isNear) return this.open(this.#view);
      this.#attach();
    }
    this.#resetNews();
    this.list.follow();
    this.#fillEdges();
    this.#told.changed();
  }

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
    if (!this.#pages) return;
    this.list.change(() => {
      this.rows.clear();
      this.#pages.clearedAt = this.isOne ? { seq: this.#liveStart } : { ms: Date.now(), nanos: 0, stream: "", seq: 0 };
      this.isAtStart = this.isAtEnd = true;
    });
    this.note = "cleared; Refresh shows it again";
    this.toEnd();
  }

  /**
   * Looks from a row for one that passes a test, first in what is held, then, of one stream, in what is stored.
   * @param filter finds the same, in the language of filters
   */
  async find(test, filter, from, step) {
    for (const row of from ? this.rows.from(from, step) : []) {
      if (row !== from && isEntry(row) && test(row)) return row;
    }
    const edge = step < 0 ? this.rows.first : this.rows.last;
    if (!this.isOne || !this.#pages || !edge || (step < 0 ? this.isAtStart : this.isAtEnd)) return null;
    return this.#pages.match(filter, step < 0 ? edge.seq : edge.to ?? edge.seq, step);
  }
}
