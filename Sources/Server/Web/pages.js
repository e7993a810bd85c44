// Pages of what is stored, around the rows that are held. They come in the order of the list.

import { isPattern } from "./address.js";
import { byTime, gapRow, prepare } from "./entry.js";
import { get, Problem, streamPath } from "./server.js";
import { timeOf } from "./time.js";

const pageRows = 500;

/** Rows on each side of one that is shown in its place. */
const aroundRows = 200;

/** How many numbers a search looks at before it says how far it is; adapted to how long that takes. */
const firstSliceNumbers = 200_000;
const sliceNumbersMin = 10_000;
const sliceMilliseconds = 400;

export class Pages {
  /** What the reader should know of the pages; empty if nothing. */
  note = "";
  /** Rows up to this one are hidden. */
  clearedAt = null;
  #view;
  #stream;
  #signal;
  #slice = firstSliceNumbers;

  /**
   * @param view streams, filter, level, since, until
   * @param stream the stream, if it is one and exists, as the server lists it
   * @param signal ends what is being read
   */
  constructor(view, stream, signal) {
    this.#view = view;
    this.#stream = stream;
    this.#signal = signal;
  }

  get isOne() { return this.#view.streams.length === 1 && !isPattern(this.#view.streams[0]); }
  get #terms() { return [["filter", this.#view.filter], ["level", this.#view.level]]; }
  get #isFiltered() { return Boolean(this.#view.filter || this.#view.level); }
  get #path() { return `${streamPath(this.#view.streams[0])}/entries`; }
  get #several() { return [...this.#view.streams.map((name) => ["stream", name]), ...this.#terms]; }

  async read(path, parameters) {
    // What does not exist yet has no entries.
    if (this.isOne && !this.#stream) return [];
    try {
      const { value, isCapped } = await get(path, parameters, this.#signal);
      if (isCapped) this.note = "more entries than can be put in order at once: choose a time, or fewer streams";
      return value.map(prepare);
    } catch (error) {
      if (error instanceof Problem && error.code === "unknown_stream") return [];
      throw error;
    }
  }

  // Before the rows

  /**
   * What is before a row.
   * @param rows those that are held
   * @param next the number behind the last one that is stored, of one stream
   * @param told called with how far a search is: at which number, and which share of all it has seen
   * @returns rows, and whether there are no more before them
   */
  older(rows, next, told) {
    return this.isOne ? this.#olderOfOne(rows.first, next, told) : this.#olderOfSeveral(rows);
  }

  /** Goes down in slices, so that a search through a long stream can say how far it is, and be given up. */
  async #olderOfOne(held, next, told) {
    const { since, until } = this.#view;
    const first = this.#stream?.first ?? 1;
    let before = held?.seq ?? next;
    for (;;) {
      const parameters = [["before", String(before)], ["limit", String(pageRows)], ["since", since], ...this.#terms];
      const low = this.#isFiltered && !since ? Math.max(first, before - this.#slice) : first;
      if (low > first) parameters.push(["after", String(low - 1)]);
      if (!held) parameters.push(["until", until]);
      const start = performance.now();
      const page = await this.read(this.#path, parameters);
      this.#adapt(performance.now() - start);
      const rows = this.#within(page).reverse();
      const isStart = rows.length < page.length || (page.length < pageRows && low <= first);
      if (rows.length > 0 || isStart) return { rows: this.#withGaps(rows, before, isStart), isStart };
      before = low;
      told({ at: low, share: (next - low) / (next - first) });
    }
  }

  #adapt(milliseconds) {
    if (milliseconds < sliceMilliseconds / 2) this.#slice *= 2;
    else if (milliseconds > sliceMilliseconds) this.#slice = Math.max(sliceNumbersMin, Math.floor(this.#slice / 2));
  }

  /** Without those before the start that was asked for. */
  #within(page) {
    const since = this.#view.since ? timeOf(this.#view.since) : -Infinity;
    const { clearedAt } = this;
    const isBehind = (row) => (this.isOne ? row.seq > clearedAt.seq : byTime(row, clearedAt) > 0);
    return page.filter((row) => row.ms >= since && (!clearedAt || isBehind(row)));
  }

  /** Without a filter numbers are dense: what is missing between them, or before them, has a row of its own. */
  #withGaps(rows, before, isStart) {
    if (this.#isFiltered) return rows;
    const result = [];
    const name = this.#view.streams[0];
    let next = rows[0]?.seq ?? before;
    if (isStart && next > 1 && !this.#view.since && !this.clearedAt) {
      result.push(gapRow(name, 1, next - 1, "trimmed", rows[0]));
    }
    for (const row of rows) {
      if (row.seq > next) result.push(gapRow(name, next, row.seq - 1, "deleted or lost", row));
      result.push(row);
      next = row.seq + 1;
    }
    if (before > next && !this.#view.until) {
      result.push(gapRow(name, next, before - 1, "deleted or lost", rows.at(-1)));
    }
    return result;
  }

  async #olderOfSeveral(held) {
    const until = held.first ? timeText(held.first) : this.#view.until;
    const parameters = [["until", until], ["limit", String(pageRows)], ["since", this.#view.since], ...this.#several];
    for (let offset = 0; ; offset += pageRows) {
      const page = await this.read("entries", [...parameters, ["offset", offset ? String(offset) : ""]]);
      const rows = this.#within(page).reverse();
      const isStart = page.length < pageRows || rows.length < page.length;
      // Many may have the same time as the first one that is held.
      if (isStart || rows.some((row) => !held.find(row))) return { rows, isStart };
    }
  }

  // Behind the rows

  /** @returns rows, and whether there are no more behind them */
  newer(rows) { return this.isOne ? this.#newerOfOne(rows.last) : this.#newerOfSeveral(rows); }

  async #newerOfOne(last) {
    const parameters = last ? [["after", String(last.to ?? last.seq)]] : [["since", this.#view.since]];
    const page = await this.read(this.#path, [...parameters, ["limit", String(pageRows)], ...this.#terms]);
    const until = this.#view.until ? timeOf(this.#view.until) : Infinity;
    const rows = page.filter((row) => row.ms <= until);
    return { rows, isEnd: page.length < pageRows || rows.length === 0 };
  }

  async #newerOfSeveral(held) {
    const parameters = [
      ["since", held.last ? timeText(held.last) : this.#view.since], ["until", this.#view.until],
      ["sort_order", "asc"], ["limit", String(pageRows)], ...this.#several,
    ];
    for (let offset = 0; ; offset += pageRows) {
      const rows = await this.read("entries", [...parameters, ["offset", offset ? String(offset) : ""]]);
      const isEnd = rows.length < pageRows;
      if (isEnd || rows.some((row) => !held.find(row))) return { rows, isEnd };
    }
  }

  // Around one

  /** An entry with what is before and behind it. */
  around(row) { return this.isOne ? this.#aroundInOne(row) : this.#aroundInSeveral(row); }

  async #aroundInOne(row) {
    const limit = ["limit", String(aroundRows)];
    const [before, after] = await Promise.all([
      this.read(this.#path, [["before", String(row.seq)], limit, ...this.#terms]),
      this.read(this.#path, [["after", String(row.seq - 1)], limit, ...this.#terms]),
    ]);
    return { rows: [...before.reverse(), ...after], isEnd: after.length < aroundRows };
  }

  async #aroundInSeveral(row) {
    const path = `${streamPath(row.stream)}/entries`;
    const [target] = await this.read(path, [["after", String(row.seq - 1)], ["limit", "1"]]);
    if (!target) return { rows: [], isEnd: false };
    const limit = ["limit", String(aroundRows)];
    const [before, after] = await Promise.all([
      this.read("entries", [["until", timeText(target)], limit, ...this.#several]),
      this.read("entries", [["since", timeText(target)], ["sort_order", "asc"], limit, ...this.#several]),
    ]);
    return { rows: [target, ...before, ...after].sort(byTime), isEnd: after.length < aroundRows };
  }

  /** The next entry before or behind a number that holds one of some words. */
  async match(words, number, step) {
    const texts = words.map((word) => JSON.stringify(word)).join(" OR ");
    const filter = this.#view.filter ? `(${this.#view.filter}) (${texts})` : texts;
    const place = step < 0 ? ["before", String(number)] : ["after", String(number)];
    const parameters = [place, ["limit", "1"], ["filter", filter], ["level", this.#view.level]];
    return (await this.read(this.#path, parameters))[0] ?? null;
  }
}

/** The time of a row, for requests. */
const timeText = (row) => row.time ?? row.received ?? new Date(row.ms).toISOString();
