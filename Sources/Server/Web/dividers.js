// Lines between rows: where another day begins, and where the reader left off the last time.

import { dividerRow } from "./entry.js";
import { keep, kept, settings } from "./settings.js";
import { day } from "./time.js";

const key = "logs.left";
const placeCountMax = 50;

/** Days begin at quarters of an hour in all time zones. */
const quarterOf = (row) => Math.floor(row.ms / 900_000);
const dayOf = (row) => day(row.ms, settings.zone);

/** Pairs of a view and where the reader was in it. */
function places() {
  try {
    return JSON.parse(kept(key)) ?? [];
  } catch {
    return [];
  }
}

export class Dividers {
  #rows;
  #compare;
  #view = "";
  #incarnation = "";
  /** The last row that was seen, and that of the last time; null if it is not known. */
  #seen = null;
  #left = null;

  constructor(rows, compare) {
    this.#rows = rows;
    this.#compare = compare;
    document.addEventListener("visibilitychange", () => document.hidden && this.leave());
  }

  /** @param incarnation which history of a stream it is */
  open(view, incarnation) {
    this.leave();
    const isSame = view === this.#view && incarnation === this.#incarnation;
    this.#view = view;
    this.#incarnation = incarnation;
    if (isSame) return;
    const place = places().find(([name]) => name === view)?.[1];
    this.#seen = this.#left = place?.incarnation === incarnation ? place : null;
  }

  /** Keeps how far the reader has come. */
  leave() {
    if (!this.#seen) return;
    const { stream, seq, ms, nanos } = this.#seen;
    const place = { stream, seq, ms, nanos, incarnation: this.#incarnation };
    const others = places().filter(([name]) => name !== this.#view);
    keep(key, JSON.stringify([...others, [this.#view, place]].slice(-placeCountMax)));
  }

  /** The reader has come to a row. */
  see(row) {
    if (row && !document.hidden && (!this.#seen || this.#compare(row, this.#seen) > 0)) this.#seen = row;
  }

  /** Draws lines around rows that were added. */
  update(added, isAtEnd) {
    for (const row of added) {
      this.#check(row);
      for (const other of this.#rows.from(row)) {
        if (other === row || other.divider) continue;
        this.#check(other);
        break;
      }
    }
    const { first, last } = this.#rows;
    const left = this.#left;
    if (!left || !first) return;
    const isBehind = this.#compare(last, left) > 0;
    if (isBehind && this.#compare(first, left) <= 0) this.#rows.add([dividerRow("new since you left", left, 1)]);
    // What comes from now on is seen.
    if (!isBehind && isAtEnd) this.#left = null;
  }

  /** Days begin elsewhere now. */
  renew() {
    const rows = [...this.#rows];
    for (const row of rows) if (row.divider && row.side < 0) this.#rows.remove(row);
    for (const row of rows) if (!row.divider) this.#check(row);
  }

  /** Whether there has to be a day above a row. */
  #check(row) {
    let [before, held] = [null, null];
    for (const other of row ? this.#rows.from(row, -1) : []) {
      before = other;
      if (!other.divider) break;
      if (other.side < 0) held = other;
    }
    const isOther = before && quarterOf(before) !== quarterOf(row) && dayOf(before) !== dayOf(row);
    if (isOther && !held) this.#rows.add([dividerRow(dayOf(row), row, -1)]);
    if (!isOther && held) this.#rows.remove(held);
  }
}
