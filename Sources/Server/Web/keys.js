// The keyboard: one table for what keys do and for the help that `?` shows.

import { byID, button, element } from "./dom.js";

export class Keys {
  #table;
  #dialog = byID("dialog");

  /** @param table rows of keys, what they do in words, and the action */
  constructor(table) {
    this.#table = table;
    addEventListener("keydown", (event) => this.#press(event));
  }

  #press(event) {
    const isTyping = event.target.matches("input, select, textarea") && event.target.type !== "checkbox";
    if (event.key === "Escape" && isTyping && !this.#dialog.open) {
      event.preventDefault();
      byID("scroller").focus();
      return;
    }
    if (this.#dialog.open) return;
    const isCommand = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k";
    if (!isCommand && (isTyping || event.ctrlKey || event.metaKey || event.altKey)) return;
    // Buttons have keys of their own.
    if (event.target.matches("button, a, summary, [type=checkbox]") && [" ", "Enter"].includes(event.key)) return;
    const name = isCommand ? "Ctrl-K" : event.key === " " ? "Space" : nameOf(event);
    const row = this.#table.find(([keys]) => keys.includes(name));
    if (!row) return;
    event.preventDefault();
    row[2](event);
  }

  help() {
    const table = element("table");
    for (const [keys, words] of this.#table) {
      const cell = element("td");
      for (const key of keys) cell.append(element("kbd", "", key), " ");
      table.append(element("tr", "", cell, element("td", "", words)));
    }
    const close = button("Close", "", () => this.#dialog.close());
    this.#dialog.replaceChildren(element("h2", "", "Keys"), table, element("div", "actions", close));
    this.#dialog.setAttribute("aria-label", "Keys");
    this.#dialog.showModal();
  }
}

const nameOf = ({ key, shiftKey }) => (shiftKey && (/^[A-Z]$/.test(key) || key.length > 1) ? `Shift-${key}` : key);
