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
    const cells = this.#rowView.columns.map((name) => {
      const cell = element("span", `cell column-${columnNames[name] ? name : "other"}`, columnNames[name] ?? name);
      if (name === "time") cell.id = "day";
      return cell;
    });
    byID("columns").replaceChildren(...cells, element("span", "message", "message"));
  }

  /**
   * Columns are as wide as what was seen in them, within limits, and do not become narrower; empty ones are hidden.
   * @param first the row at the top
   * @returns whether one has appeared
   */
  painted(rows, first) {
    const shown = byID("day");
    if (first && shown) shown.textContent = day(first.ms, settings.zone);
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

  /** How many characters of a message are in a line when lines wrap. */
  messageWidth(characterWidth) {
    const cells = [...byID("columns").children].slice(0, -1);
    const used = cells.reduce((sum, cell) => sum + cell.offsetWidth + characterWidth, 20 + 2 * characterWidth);
    return Math.max(20, Math.floor((byID("scroller").clientWidth - used) / characterWidth));
  }
}
