// The rows that the reader has chosen: one, or a range of one stream. They stand in the address.

import * as address from "./address.js";
import { ascending, byID } from "./dom.js";
import { isEntry } from "./entry.js";

export class Choice {
  #view;
  #rowView;
  #state;
  /** Where the choice began, and where it ends. */
  #ends = null;

  /** @param state what the address says now */
  constructor(view, rowView, state) {
    this.#view = view;
    this.#rowView = rowView;
    this.#state = state;
    rowView.isChosen = (row) => this.has(row);
  }

  reset() {
    const { row } = this.#state();
    this.#ends = row ? { from: row, to: { ...row, seq: row.to } } : null;
  }

  get isEmpty() { return this.#ends === null; }

  has({ stream, seq }) {
    const { row } = this.#state();
    return row !== null && stream === row.stream && seq >= row.seq && seq <= row.to;
  }

  select(row, isRange = false) {
    const from = isRange && this.#ends?.from.stream === row.stream ? this.#ends.from : row;
    this.#ends = { from, to: row };
    const [seq, to] = ascending([from.seq, row.seq]);
    this.#state().row = { stream: row.stream, seq, to };
    address.show(this.#state());
    this.#view.list.eachShown((each, made) => this.#rowView.markChosen(each, made));
    this.#view.list.reveal(row);
    byID("scroller").setAttribute("aria-activedescendant", `row-${row.stream}-${row.seq}`);
  }

  /** The row that keys act on: the chosen one, the last one while following, or the one at the top. */
  get current() {
    const { rows, list } = this.#view;
    if (this.#ends) return rows.find(this.#ends.to) ?? rows.nearest(this.#ends.to);
    return list.isFollowing ? rows.last : list.seen.first;
  }

  get rows() {
    const row = this.current;
    if (!row) return [];
    const chosen = [...this.#view.rows].filter((each) => isEntry(each) && this.has(each));
    return chosen.length > 0 ? chosen : [row].filter(isEntry);
  }

  step(step, isRange) {
    const row = this.current;
    if (!row) return;
    this.#view.pause();
    let next = this.#ends ? this.#view.rows.next(row, step) : row;
    while (next && !isEntry(next)) next = this.#view.rows.next(next, step);
    if (next) this.select(next, isRange);
  }
}
