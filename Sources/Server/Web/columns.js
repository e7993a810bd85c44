// The line above the rows: names of columns, the day of what is read, and how wide columns are.

import { byID, element } from "./dom.js";
import { isEntry } from "./entry.js";
import { columnNames } from "./rowview.js";
import { settings } from "./settings.js";
import { day } from "./time.js";

const widthMax = 24;

/** What columns hold whose width depends on it. */
const textOf = {
  stream: (row) => row.stream, source: (row) => row.source, level: (row) => (row.severity > 0 ? row.level : ""),
};

export class Columns {
  #rowView;
  #widths = { stream: 0, source: 0, level: 0 };

  constructor(rowView) { this.#rowView = rowView; }

  show() {
    byID("columns").replaceChildren(...[...this.#rowView.columns, "message"].map((name) => {
      const kind = name === "message" ? name : `cell column-${columnNames[name] ? name : "other"}`;
      const cell = element("span", kind, columnNames[name] ?? name);
      if (name === "time") cell.id = "day";
      return Object.assign(cell, { role: "columnheader", ariaLabel: cell.textContent });
    }));
  }

  /**
   * Columns are as wide as what was seen in them, within limits, and do not become narrower; empty ones are hidden.
   * @returns whether one has appeared
   */
  painted(rows, view) {
    const shown = byID("day");
    const { first } = view.list.seen;
    if (first && shown) {
      shown.textContent = day(first.ms, settings.zone);
      shown.ariaLabel = `time, from ${shown.textContent} on`;
    }
    this.#number(rows, view);
    let isOther = false;
    for (const name of Object.keys(this.#widths)) {
      let width = this.#widths[name];
      for (const row of rows) {
        if (isEntry(row)) width = Math.max(width, Math.min(widthMax, textOf[name](row).length));
      }
      if (width === this.#widths[name]) continue;
      if (this.#widths[name] === 0) isOther = true;
      this.#widths[name] = width;
      byID("table").style.setProperty(`--${name}width`, `${Math.max(width, name.length)}ch`);
      byID("table").classList.add(`has-${name}`);
    }
    return isOther;
  }

  /** Tells screen readers which place each row has, and how many there are; the names of columns are the first row. */
  #number(rows, view) {
    byID("scroller").ariaRowCount = Math.max(-1, view.placeCount + (view.placeCount < 0 ? 0 : 1));
    if (view.isOne || rows.length === 0) return;
    const first = view.placeOf(rows[0]) + 1;
    for (const [index, made] of [...byID("rows").children].entries()) {
      if (made.role) made.ariaRowIndex = first + index;
    }
  }

  /** How many characters of a message are in a line when lines wrap. */
  messageWidth(characterWidth) {
    const cells = [...byID("columns").children].slice(0, -1);
    const used = cells.reduce((sum, cell) => sum + cell.offsetWidth + characterWidth, 20 + 2 * characterWidth);
    return Math.max(20, Math.floor((byID("scroller").clientWidth - used) / characterWidth));
  }
}
