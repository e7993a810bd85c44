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
const firstSliceNumbers = 20_000;
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
  #sliceNumbers = firstSliceNumbers;

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

  get #first() { return this.#stream?.first ?? 1; }
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

  /**
   * What passes in a slice before a number, or behind it: a search in slices can say how far it is, and be given up.
   * @param next the number behind the last one that is stored
   * @returns rows, the number up to which there are no others, and whether there are no more in this direction
   */
  async #slice(from, step, limit, next) {
    const first = this.#first;
    const isDown = step < 0;
    if (isDown && from <= first) return { rows: [], edge: first, isAll: true };
    const edge = from + step * (this.#isFiltered ? this.#sliceNumbers : Infinity);
    const isLast = isDown ? edge <= first : edge >= next - 1;
    const read = (...place) => this.read(this.#path, [...place, ["limit", String(limit)], ...this.#terms]);
    const before = ["before", String(isDown ? from : edge + 1)];
    const after = ["after", String(isDown ? edge - 1 : from)];
    const start = performance.now();
    let rows;
    if (isDown) rows = (await read(before, ...(isLast ? [] : [after]))).reverse();
    else {
      rows = isLast ? await read(after) : (await read(before, after)).reverse();
      // The slice has more: those that come first are wanted.
      if (!isLast && rows.length === limit) rows = await read(after);
    }
    this.#adapt(performance.now() - start);
    return { rows, edge: isLast && isDown ? first : edge, isAll: isLast && rows.length < limit };
  }

  #adapt(milliseconds) {
    const factor = milliseconds < sliceMilliseconds / 2 ? 2 : milliseconds > sliceMilliseconds ? 0.5 : 1;
    this.#sliceNumbers = Math.max(sliceNumbersMin, Math.floor(this.#sliceNumbers * factor));
  }

  // Before the rows, and behind them

  /**
   * What is before the first row (step -1), or behind the last one (1).
   * @param held the rows that are held
   * @param next the number behind the last one that is stored, of one stream
   * @param told called with how far a search is, in words, and which share of all it has seen
   * @returns rows, and whether there are no more in this direction
   */
  more(step, held, next, told) {
    return this.isOne ? this.#moreOfOne(step, held, next, told) : this.#moreOfSeveral(step, held);
  }

  async #moreOfOne(step, held, next, told) {
    const isDown = step < 0;
    const { first, last } = held;
    const start = isDown ? first?.seq ?? next : last ? last.to ?? last.seq : this.#first - 1;
    const count = Math.max(1, isDown ? start - this.#first : next - start);
    for (let from = start; ;) {
      const { rows: page, edge, isAll: isEdge } = await this.#slice(from, step, this.#limit(held), next);
      const rows = isDown ? this.#unhidden(page) : page;
      const isAll = isEdge || rows.length < page.length;
      if (rows.length > 0 || isAll) return { rows: isDown ? this.#withGaps(rows, from, isAll) : rows, isAll };
      from = edge;
      told(`searched ${isDown ? "down" : "up"} to ${numberText(edge)}`, step * (edge - start) / count);
    }
  }

  async #moreOfSeveral(step, held) {
    const isDown = step < 0;
    const limit = this.#limit(held);
    const end = isDown ? held.first : held.last;
    const parameters = [
      ["sort_order", isDown ? "desc" : "asc"], ["limit", String(limit)],
      ...this.#several(end ? `time${isDown ? "<=" : ">="}${timeText(end)}` : ""),
    ];
    for (let offset = 0; ; offset += limit) {
      const page = await this.read("entries", [...parameters, ["offset", offset ? String(offset) : ""]]);
      const rows = isDown ? this.#unhidden(page).reverse() : page;
      const isAll = page.length < limit || rows.length < page.length;
      // Many may have the same time as the one at the end.
      if (isAll || rows.some((row) => !held.find(row))) return { rows, isAll };
    }
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

  // Around one

  /** An entry with what is before and behind it. */
  around(row, next, told) { return this.isOne ? this.#aroundInOne(row, next, told) : this.#aroundInSeveral(row); }

  async #aroundInOne({ seq }, next, told) {
    let [low, high] = [seq, seq - 1];
    for (;;) {
      const [before, after] = await Promise.all([
        this.#slice(low, -1, aroundRows, next), this.#slice(high, 1, aroundRows, next),
      ]);
      const rows = [...before.rows, ...after.rows];
      if (rows.length > 0 || (before.isAll && after.isAll)) return { rows, isEnd: after.isAll };
      [low, high] = [before.edge, Math.min(after.edge, next - 1)];
      told(`searched ${numberText(low)} to ${numberText(high)}`, (high - low + 1) / Math.max(1, next - this.#first));
    }
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

const numberText = (number) => number.toLocaleString("en");

/** The time of a row, for requests. */
const timeText = (row) => row.time ?? row.received ?? new Date(row.ms).toISOString();
