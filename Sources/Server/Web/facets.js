// The fields of what is shown and their commonest values: each leads to a filter.

import { selection } from "./address.js";
import { byID, button, element, plural, settled } from "./dom.js";
import { get } from "./server.js";

export class Facets {
  #panel = byID("facets");
  #view = null;
  #abort = null;
  #actions;

  /** @param actions `only(name, value, isNot)`, `column(name)` */
  constructor(actions) { this.#actions = actions; }

  get isShown() { return !this.#panel.hidden; }

  show(isShown) {
    this.#panel.hidden = !isShown;
    if (isShown && this.#view) this.read();
  }

  open(view) {
    this.#view = view;
    if (this.isShown) this.read();
  }

  read = settled(50, async () => {
    const view = this.#view;
    this.#abort?.abort();
    this.#abort = new AbortController();
    this.#panel.replaceChildren(element("p", "control", "counting …"));
    try {
      const { value } = await get("fields", [
        ...selection(view), ["since", view.since || "1h"], ["until", view.until],
      ], this.#abort.signal);
      this.#show(value, view);
    } catch (error) {
      if (error.name !== "AbortError") this.#panel.replaceChildren(element("p", "", error.message));
    }
  });

  #show(result, view) {
    const when = view.since || view.until ? "in this range" : "in the last hour";
    const close = button("×", "Close (f)", () => this.#actions.close());
    const count = element("span", "", `${plural(result.count, "entry", "entries")} ${when}`);
    const lines = [element("h3", "", count, close)];
    if (result.capped) lines.push(element("p", "control", "there are more fields or values than are counted"));
    for (const field of result.fields) {
      const isAttribute = field.kind === "attribute";
      const column = isAttribute ? [columnButton(this.#actions, field.field)] : [];
      lines.push(element("h3", "", element("span", "", field.field), ...column));
      for (const { value, count } of field.values) {
        const name = isAttribute ? field.field : field.kind;
        const text = element("span", "", value === "" ? "(empty)" : value);
        text.title = value;
        lines.push(element(
          "div", "fact", text, element("span", "control", count.toLocaleString("en")),
          ...termButtons(this.#actions, name, value)));
      }
    }
    this.#panel.replaceChildren(...lines);
  }
}

/** Narrow what is shown to entries with a value, or to those without it. */
export const termButtons = ({ only }, name, value) => [
  button("=", `Only entries with this ${name}`, () => only(name, value, false)),
  button("≠", `Without entries with this ${name}`, () => only(name, value, true)),
];

export const columnButton = ({ column }, name) =>
  button("⊞", `Show ${name} as a column, or hide it`, () => column(name));

export function termOf(name, value, isNot) {
  const field = /^[A-Za-z_@$][\w.@$-]*$/.test(name) ? name : JSON.stringify(name);
  const text = typeof value === "object" ? "null" : String(value);
  const isWord = /^[\w.-]+$/.test(text) && !text.includes("..");
  return `${isNot ? "-" : ""}${field}:${isWord ? text : JSON.stringify(text)}`;
}
