// Pages of what is stored, around the rows that are held. They come in the order of the list.

import { filterOf, isOne, selection } from "./address.js";
import { byTime, gapRow, prepare } from "./entry.js";
import { get, Problem, streamPath } from "./server.js";

const pageRows = 500;
const pageRowsMin = 10;
const pageSize = 4 << 20;

/** What a row is taken for before one is known. */
const firstRowSize = 20_000;

/** Behind all times. */
const farTime = "2261-12-31T00:00:00Z";

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

  get isOne() { return isOne(this.#view); }
  get #terms() { return [["filter", filterOf(this.#view)], ["level", this.#view.level]]; }
  get #isFiltered() { return Boolean(filterOf(this.#view) || this.#view.level); }
  get #path() { return `${streamPath(this.#view.streams[0])}/entries`; }

  /** Parameters for pages of several streams. @param times more of a filter */
  #several(times = "") {
    const { since, until } = this.#view;
    const parameters = selection({ ...this.#view, filter: filterOf(this.#view, times) });
    // With an end the server looks at more than the last entries of each stream: imported ones may be in any order.
    return since || until ? [...parameters, ["until", farTime]] : parameters;
  }

  /** As many entries as make a page of some megabytes. */
  #limit(held) {
    const size = held.count > 0 ? held.size / held.count : firstRowSize;
    return Math.max(pageRowsMin, Math.min(pageRows, Math.floor(pageSize / size)));
  }

  async read(path, parameters) {
    // What does not exist yet has no entries.
    if (this.isOne && !this.#stream) return [];
    try {
      const { value, isCapped } = await get(path, parameters, this.#signal);
      if (isCapped) this.note = "more entries than can be put in order at once: choose a time, or fewer streams";
      return value.map(prepare);
    } catch (error) {
      if (error instanceof Problem && ["unknown_stream", "cursor_ahead"].includes(error.code)) return [];
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
    return this.isOne ? this.#olderOfOne(rows, next, told) : this.#olderOfSeveral(rows);
  }

  /** Goes down in slices, so that a search through a long stream can say how far it is, and be given up. */
  async #olderOfOne(held, next, told) {
    const first = this.#stream?.first ?? 1;
    const limit = this.#limit(held);
    const end = held.first?.seq ?? next;
    let before = end;
    for (;;) {
      const parameters = [["before", String(before)], ["limit", String(limit)], ...this.#terms];
      const low = this.#isFiltered ? Math.max(first, before - this.#slice) : first;
      if (low > first) parameters.push(["after", String(low - 1)]);
      const start = performance.now();
      const page = before > first ? await this.read(this.#path, parameters) : [];
      this.#adapt(performance.now() - start);
      const rows = this.#unhidden(page).reverse();
      const isStart = rows.length < page.length || (page.length < limit && low <= first);
      if (rows.length > 0 || isStart) return { rows: this.#withGaps(rows, before, isStart), isStart };
      before = low;
      told({ at: low, share: (end - low) / Math.max(1, end - first) });
    }
  }

  #adapt(milliseconds) {
    if (milliseconds < sliceMilliseconds / 2) this.#slice *= 2;
    else if (milliseconds > sliceMilliseconds) this.#slice = Math.max(sliceNumbersMin, Math.floor(this.#slice / 2));
  }

  /** Without those that the reader has cleared away. */
  #unhidden(page) {
    const { clearedAt } = this;
    if (!clearedAt) return page;
    return page.filter((row) => (this.isOne ? row.seq > clearedAt.seq : byTime(row, clearedAt) > 0));
  }

  /** Without a filter numbers are dense: what is missing between them, or before them, has a row of its own. */
  #withGaps(rows, before, isStart) {
    if (this.#isFiltered) return rows;
    const result = [];
    const name = this.#view.streams[0];
    let next = rows[0]?.seq ?? before;
    if (isStart && next > 1 && !this.clearedAt) result.push(gapRow(name, 1, next - 1, "trimmed", rows[0]));
    for (const row of rows) {
      if (row.seq > next) result.push(gapRow(name, next, row.seq - 1, "deleted or lost", row));
      result.push(row);
      next = row.seq + 1;
    }
    if (before > next) result.push(gapRow(name, next, before - 1, "deleted or lost", rows.at(-1)));
    return result;
  }

  async #olderOfSeveral(held) {
    const limit = this.#limit(held);
    const parameters = [["limit", String(limit)], ...this.#several(held.first ? `time<=${timeText(held.first)}` : "")];
    for (let offset = 0; ; offset += limit) {
      const page = await this.read("entries", [...parameters, ["offset", offset ? String(offset) : ""]]);
      const rows = this.#unhidden(page).reverse();
      const isStart = page.length < limit || rows.length < page.length;
      // Many may have the same time as the first one that is held.
      if (isStart || rows.some((row) => !held.find(row))) return { rows, isStart };
    }
  }

  // Behind the rows

  /** @returns rows, and whether there are no more behind them */
  newer(rows) { return this.isOne ? this.#newerOfOne(rows) : this.#newerOfSeveral(rows); }

  async #newerOfOne(held) {
    const limit = this.#limit(held);
    const after = held.last ? held.last.to ?? held.last.seq : (this.#stream?.first ?? 1) - 1;
    const rows = await this.read(this.#path, [["after", String(after)], ["limit", String(limit)], ...this.#terms]);
    return { rows, isEnd: rows.length < limit };
  }

  async #newerOfSeveral(held) {
    const limit = this.#limit(held);
    const parameters = [
      ["sort_order", "asc"], ["limit", String(limit)],
      ...this.#several(held.last ? `time>=${timeText(held.last)}` : ""),
    ];
    for (let offset = 0; ; offset += limit) {
      const rows = await this.read("entries", [...parameters, ["offset", offset ? String(offset) : ""]]);
      const isEnd = rows.length < limit;
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
    const [before, after] = await Promise.all([
      this.#beyond(target, [...this.#several(`time<=${timeText(target)}`)]),
      this.#beyond(target, [["sort_order", "asc"], ...this.#several(`time>=${timeText(target)}`)]),
    ]);
    return { rows: [target, ...before.rows, ...after.rows].sort(byTime), isEnd: after.isAll };
  }

  /** From the time of a row on, all that have its time and more: else some of its time would be missing for good. */
  async #beyond(target, parameters) {
    const rows = [];
    for (;;) {
      const place = [["limit", String(aroundRows)], ["offset", rows.length ? String(rows.length) : ""]];
      const page = await this.read("entries", [...parameters, ...place]);
      rows.push(...page);
      const last = page.at(-1);
      const isAll = page.length < aroundRows;
      if (isAll || last.ms !== target.ms || last.nanos !== target.nanos) return { rows, isAll };
    }
  }

  /** The next entry before or behind a number that passes another filter, too. */
  async match(more, number, step) {
    const place = step < 0 ? ["before", String(number)] : ["after", String(number)];
    const parameters = [place, ["limit", "1"], ["filter", filterOf(this.#view, more)], ["level", this.#view.level]];
    return (await this.read(this.#path, parameters))[0] ?? null;
  }
}

/** The time of a row, for requests. */
const timeText = (row) => row.time ?? row.received ?? new Date(row.ms).toISOString();
