// Ctrl-K: streams by name, with their state and how long they have been quiet, and what can be done.

import { byID, element, plural } from "./dom.js";
import { listStreams } from "./server.js";
import { span } from "./time.js";

const shownCount = 200;

export class Palette {
  #dialog = byID("palette");
  #input = byID("palette-input");
  #list = byID("palette-list");
  #items = [];
  #shown = [];
  #at = 0;
  #chosen = new Set();
  /** Whether the reader has put together other streams than those that were shown. */
  #isOther = false;
  #open;

  /** @param open shows the streams of an array of names and patterns */
  constructor(open) {
    this.#open = open;
    this.#input.oninput = () => this.#filter();
    this.#input.onkeydown = (event) => this.#key(event);
    byID("palette-open").onclick = () => this.#chosen.size > 0 && open([...this.#chosen]);
  }

  /**
   * @param streams those that are shown now
   * @param commands pairs of a title and an action
   */
  async show(streams, commands) {
    this.#chosen = new Set(streams.length > 1 ? streams : []);
    this.#isOther = false;
    this.#items = commands.map(([title, action]) => ({ title, action }));
    this.#input.value = "";
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#input.focus();
    this.#filter();
    try {
      const found = await listStreams("**");
      this.#items = [...found.map((stream) => ({ stream })), { title: "All streams", name: "**" }, ...this.#items];
    } catch (error) {
      this.#items.unshift({ title: error.message, action: () => {} });
    }
    this.#filter();
  }

  #filter() {
    const text = this.#input.value.trim().toLowerCase();
    const words = text.split(/\s+/);
    const matches = this.#items.filter((item) => {
      const name = (item.stream?.name ?? item.title).toLowerCase();
      return words.every((word) => name.includes(word));
    });
    if (text && (/[*?]/.test(text) || !matches.some((item) => item.stream?.name.toLowerCase() === text))) {
      matches.push({ title: `Show ${this.#input.value.trim()}`, name: this.#input.value.trim() });
    }
    this.#shown = matches.slice(0, shownCount);
    this.#at = 0;
    const rest = matches.length - this.#shown.length;
    this.#list.replaceChildren(...this.#shown.map((item, index) => this.#line(item, index)));
    if (rest > 0) this.#list.append(element("li", "faint", `${plural(rest, "more")}; type to narrow them down`));
    this.#mark();
  }

  #line(item, index) {
    const values = { role: "option", id: `palette-${index}`, onclick: () => this.#choose(item) };
    const line = Object.assign(element("li"), values);
    if (item.stream) {
      const { name, state, entries, last_received: received } = item.stream;
      const box = Object.assign(element("input"), {
        type: "checkbox", checked: this.#chosen.has(name), ariaLabel: `Show ${name} with others`,
        onclick: (event) => {
          event.stopPropagation();
          this.#toggle(name);
        },
      });
      const idle = received ? span(Date.now() - Date.parse(received)) : "empty";
      line.append(
        box, element("span", "name", name), element("span", "faint", plural(entries, "entry", "entries")),
        element("span", "faint", state === "sealed" ? "complete" : `${idle} ago`));
    } else {
      line.append(element("span", "name", item.title));
    }
    return line;
  }

  #toggle(name) {
    this.#isOther = true;
    if (!this.#chosen.delete(name)) this.#chosen.add(name);
  }

  #mark() {
    for (const [index, line] of [...this.#list.children].entries()) {
      line.ariaSelected = index === this.#at;
    }
    this.#input.setAttribute("aria-activedescendant", `palette-${this.#at}`);
    this.#list.children[this.#at]?.scrollIntoView({ block: "nearest" });
  }

  #key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    if (step) {
      this.#at = Math.max(0, Math.min(this.#shown.length - 1, this.#at + step));
      this.#mark();
      event.preventDefault();
    } else if (event.key === "Enter") {
      event.preventDefault();
      const item = this.#shown[this.#at];
      if (event.shiftKey && item?.stream) {
        this.#toggle(item.stream.name);
        const box = this.#list.children[this.#at].querySelector("input");
        box.checked = this.#chosen.has(item.stream.name);
      } else if (item) {
        this.#choose(item);
      }
    }
  }

  #choose(item) {
    this.#dialog.close();
    if (item.action) return item.action();
    const name = item.stream?.name ?? item.name;
    this.#open(this.#isOther ? [...new Set([...this.#chosen, name])] : [name]);
  }
}
