// The keyboard, and buttons. The dialog that `?` shows has the keys and what they do in words.

import { byID } from "./dom.js";

export class Keys {
  /** The rows of the dialog, each with an action. */
  #rows = [];

  /** @param actions of the dialog and of buttons, by their names there */
  constructor(actions) {
    for (const made of document.querySelectorAll("[data-do]")) {
      const action = actions[made.dataset.do];
      if (!made.cells) made.onclick = action;
      else {
        const [keys, words] = made.cells;
        const names = [...keys.children].map((key) => key.textContent);
        this.#rows.push({ names, words: words.textContent.trim(), action });
      }
    }
    addEventListener("keydown", (event) => this.#press(event));
  }

  /** Pairs of a title and an action. */
  get commands() { return this.#rows.slice(1).map(({ names, words, action }) => [`${words} (${names[0]})`, action]); }

  #press(event) {
    if (document.querySelector("dialog[open]")) return;
    const isTyping = event.target.matches("input, select, textarea") && event.target.type !== "checkbox";
    if (event.key === "Escape" && isTyping) {
      event.preventDefault();
      return byID("scroller").focus();
    }
    const isControlled = event.ctrlKey || event.metaKey;
    const isCommand = isControlled && /^[kf]$/i.test(event.key);
    if (!isCommand && (isTyping || isControlled || event.altKey)) return;
    // Buttons have keys of their own.
    if (event.target.matches("button, a, summary, [type=checkbox]") && [" ", "Enter"].includes(event.key)) return;
    const name = isCommand ? `Ctrl-${event.key.toUpperCase()}` : event.key === " " ? "Space" : nameOf(event);
    const row = this.#rows.find(({ names }) => names.includes(name));
    if (!row) return;
    // The browser's own search stays: it only gets a word beside it.
    if (name !== "Ctrl-F") event.preventDefault();
    row.action(event);
  }
}

const nameOf = ({ key, shiftKey }) => (shiftKey && (/^[A-Z]$/.test(key) || key.length > 1) ? `Shift-${key}` : key);
