// Entries that the reader keeps at the top of the page. They stand in the address.

import * as address from "./address.js";
import { button, byID, element } from "./dom.js";
import { addressOf, isEntry } from "./entry.js";
import { lineOf } from "./rowview.js";

const pinCountMax = 20;

export class Pins {
  #state;
  #go;

  /** @param state what the address says now; `go` leads to an entry */
  constructor(state, go) {
    this.#state = state;
    this.#go = go;
  }

  toggle(row) {
    if (!row || !isEntry(row)) return;
    const state = this.#state();
    const others = state.pins.filter((pin) => addressOf(pin) !== addressOf(row));
    if (others.length === state.pins.length) {
      others.push({ stream: row.stream, seq: row.seq, to: row.seq, text: lineOf(row).slice(0, 500) });
    }
    state.pins = others.slice(-pinCountMax);
    address.show(state);
    this.show();
  }

  show() {
    const { pins } = this.#state();
    byID("pins").hidden = pins.length === 0;
    byID("pins").replaceChildren(...pins.map((pin) => {
      const go = button(pin.text ?? addressOf(pin), "Go to it", () => this.#go(pin));
      go.className = "pinned";
      return element("div", "", go, button("×", `Unpin ${addressOf(pin)}`, () => this.toggle(pin)));
    }));
  }
}
