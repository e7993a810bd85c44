// A row as the list shows it, and what opens below it.

import { button, element, plural } from "./dom.js";
import { addressOf, attribute, exactJSON, isEntry, levelClass, parseJSON, valueText } from "./entry.js";
import { columnButton, termButtons } from "./facets.js";
import { settings } from "./settings.js";
import { inOneLine, noMarks, show, shownCharacters, withoutColours } from "./text.js";
import { clock, dayAndClock, span } from "./time.js";

/** Of a message, an opened row shows so much at first, and so much more with each step. */
const openedCharacters = 64 << 10;
const shownLines = 60;

/** Of a tree, so many members of one value are shown, and so much is open at first. */
const shownMembers = 500;
const openMembers = 20;
const openDepth = 3;

/** How late an entry came before that is worth saying. */
const skewMilliseconds = 5_000;

export const columnNames = { time: "time", stream: "stream", source: "source", level: "level", seq: "number" };

export class RowView {
  marks = noMarks;
  /** Rows that are chosen, from and to. */
  isChosen = () => false;
  isOne = true;
  #actions;

  /**
   * @param actions what the buttons of an opened row do: `context`, `copy`, `link`, `pin`, `only(name, value, isNot)`,
   *   `column(name)`; and `resized(row)`
   */
  constructor(actions) { this.#actions = actions; }

  get columns() {
    return settings.columns.filter((name) => !(name === "stream" && this.isOne));
  }

  #shown(row) { return row.message.slice(0, shownCharacters); }

  hasFixedHeight(row) { return !row.isOpen && (!settings.wrap || !isEntry(row)); }

  /** How high a row will be, from its text: most are measured before they are seen. */
  estimate(row, lineHeight, width) {
    if (!settings.wrap || !isEntry(row)) return lineHeight;
    let lines = 0;
    for (const line of this.#shown(row).split("\n", shownLines)) lines += Math.max(1, Math.ceil(line.length / width));
    return lines * lineHeight;
  }

  /** @param place where it is in the list, the names of columns included */
  render(row, place) {
    if (!isEntry(row)) return this.#renderOther(row, place);
    const classes = `row ${levelClass(row.severity)} kind-${row.kind}${this.#typeClasses(row)}`;
    const line = element("div", "line", element("span", "toggle", row.isOpen ? "▾" : "▸"));
    for (const name of this.columns) line.append(this.#cell(name, row));
    line.append(this.#message(row));
    const made = element("div", classes, line);
    Object.assign(made, {
      row, role: "row", ariaRowIndex: place, ariaExpanded: row.isOpen, id: `row-${row.stream}-${row.seq}`,
    });
    this.markChosen(row, made);
    if (row.isOpen) {
      made.classList.add("open");
      made.append(this.#detail(row));
    }
    return made;
  }

  markChosen(row, made) {
    const isChosen = isEntry(row) && this.isChosen(row);
    made.classList.toggle("chosen", isChosen);
    made.ariaSelected = isChosen;
  }

  /** How stdout and stderr, and the types of task logs, are told apart. */
  #typeClasses(row) {
    let classes = "";
    const output = row.attributes.stream ?? row.attributes["log.iostream"];
    if (output === "stderr" || output === "stdout") classes += ` output-${output}`;
    const type = row.attributes.log_type;
    if (typeof type === "string" && /^[\w-]{1,32}$/.test(type)) classes += ` type-${type}`;
    return classes;
  }

  #renderOther(row, place) {
    const { divider, stream, seq, to } = row;
    const count = to - seq + 1;
    const text = divider
      ?? `${plural(count, "entry", "entries")} ${row.gap}: ${stream}@${seq}${count > 1 ? `-${to}` : ""}`;
    const kind = divider ? `divider${row.side > 0 ? " left" : ""}` : "gap";
    const made = element("div", `row ${kind}`, element("div", "line", cellOf("", text)));
    // Lines are no rows of the grid: they would have no place in it.
    return Object.assign(made, divider ? { row, ariaHidden: true } : { row, role: "row", ariaRowIndex: place });
  }

  #cell(name, row) {
    const cell = cellOf(`cell column-${columnNames[name] ? name : "other"}`);
    switch (name) {
      case "time":
        cell.textContent = clock(row.ms, settings.zone);
        cell.title = `${row.time ?? "no time of its own"}\nreceived ${row.received}`;
        // Old entries are late when they are stored, which says nothing; live ones and those of the future do.
        if ((row.isLive ? Math.abs(skewOf(row)) : -skewOf(row)) > skewMilliseconds) cell.classList.add("skewed");
        break;
      case "stream":
        cell.textContent = row.stream;
        cell.classList.add(`colour-${colourOf(row.stream)}`);
        cell.title = row.stream;
        break;
      case "source":
        show(cell, row.source, { colours: false });
        cell.classList.add(`colour-${colourOf(row.source)}`);
        cell.title = inOneLine(row.source);
        break;
      case "level":
        cell.textContent = row.severity > 0 ? row.level.toUpperCase() : "";
        break;
      case "seq":
        cell.textContent = String(row.seq);
        break;
      default:
        show(cell, valueText(attribute(row.attributes, name)).slice(0, 200), { marks: this.marks, colours: false });
    }
    return cell;
  }

  #message(row) {
    const cell = cellOf("message");
    let text = this.#shown(row);
    if (settings.wrap) text = text.split("\n", shownLines).join("\n");
    const rest = row.message.length - text.length;
    if (row.kind !== "log") cell.append(element("span", "kind", markOf(row)));
    const body = element("span");
    show(body, text, { marks: this.marks, colours: settings.sgr, lines: settings.wrap });
    cell.append(body);
    if (rest > 0) cell.append(element("span", "control", ` … ${plural(rest, "more character")}`));
    return cell;
  }

  // What opens

  #detail(row) {
    const detail = element("div", "detail", this.#buttons(row), this.#facts(row));
    detail.role = "gridcell";
    const message = withoutColours(row.message);
    row.branches ??= new Map();
    const parsed = jsonOf(message);
    if (parsed) detail.append(element("h4", "", "Message"), this.#tree(row, parsed, "", "message", true));
    else if (message.length > shownCharacters || message.includes("\n")) detail.append(this.#whole(row));
    if (Object.keys(row.attributes).length > 0) {
      detail.append(element("h4", "", "Attributes"), this.#tree(row, row.attributes, "", "", false));
    }
    return detail;
  }

  #buttons(row) {
    const address = addressOf(row);
    return element(
      "div", "buttons",
      button("In context", "Show it among its neighbours, without filter (x)", () => this.#actions.context(row)),
      button("Copy", "Copy it as a line (c)", () => this.#actions.copy([row])),
      button("Copy JSON", "Copy all of it", () => this.#actions.copy([row], true)),
      button("Copy link", `A link to ${address} (y)`, () => this.#actions.link(row)),
      button("Pin", "Keep it at the top (p)", () => this.#actions.pin(row)));
  }

  #facts(row) {
    const skew = skewOf(row);
    const late = Math.abs(skew) > skewMilliseconds
      ? `, ${span(Math.abs(skew))} ${skew > 0 ? "after its time" : "before its time"}` : "";
    const facts = [
      ["entry", addressOf(row)],
      ["time", row.time ?? "none of its own"],
      ["here", dayAndClock(row.ms, settings.zone)],
      ["received", row.received + late],
      ["level", row.severity > 0 ? `${row.level} (${row.severity})` : "none"],
    ];
    if (row.source) facts.push(["source", inOneLine(row.source)]);
    if (row.kind !== "log") facts.push(["kind", row.kind]);
    const list = element("dl");
    for (const [name, value] of facts) list.append(element("dt", "", name), element("dd", "", value));
    return list;
  }

  #whole(row) {
    const text = element("pre", "whole");
    const more = button("", "", () => grow());
    const grow = (step = openedCharacters) => {
      row.openedLength = Math.min(row.message.length, (row.openedLength ?? 0) + step);
      const shown = row.message.slice(0, row.openedLength);
      show(text, shown, { marks: this.marks, colours: settings.sgr, lines: true });
      const rest = row.message.length - row.openedLength;
      more.hidden = rest === 0;
      more.textContent = `Show more: ${plural(rest, "character")} left`;
      this.#actions.resized(row);
    };
    grow(row.openedLength ? 0 : openedCharacters);
    return element("div", "", text, more);
  }

  /**
   * Values by their names; the names of attributes lead to filters.
   * @param path the name as filters have it
   * @param place where it stands, to remember which branches are open
   */
  #tree(row, value, path, place, isMessage, depth = 0) {
    const list = element("ul", "tree");
    const isList = Array.isArray(value);
    let count = 0;
    for (const [key, inner] of isList ? value.entries() : Object.entries(value)) {
      if (count++ >= shownMembers) {
        list.append(element("li", "control", "… and more; copy the JSON to see all"));
        break;
      }
      const name = isList ? path : path ? `${path}.${key}` : key;
      list.append(this.#branch(row, key, inner, name, `${place}/${key}`, isMessage, depth));
    }
    return list;
  }

  #branch(row, key, value, path, place, isMessage, depth) {
    const name = element("span", "key");
    show(name, String(key), { colours: false });
    if (typeof value !== "object" || value === null) return this.#leaf(name, value, path, isMessage);
    const count = Object.keys(value).length;
    if (count === 0) return element("li", "", name, ": ", Array.isArray(value) ? "[]" : "{}");
    const branch = element("details", "", element("summary", "", name));
    // Only what is open is made: a message may nest thousands deep.
    const fill = () => {
      if (branch.open && branch.children.length === 1) {
        branch.append(this.#tree(row, value, path, place, isMessage, depth + 1));
      }
    };
    branch.open = row.branches.get(place) ?? (depth < openDepth && count <= openMembers);
    fill();
    branch.addEventListener("toggle", () => {
      row.branches.set(place, branch.open);
      fill();
      this.#actions.resized(row);
    });
    return element("li", "", branch);
  }

  #leaf(name, value, path, isMessage) {
    const text = element("span", `value value-${value === null ? "null" : typeof value}`);
    const shown = valueText(value);
    show(text, shown.length > 4_096 ? `${shown.slice(0, 4_096)}…` : shown, { marks: this.marks, colours: false });
    const item = element("li", "", name, ": ", text);
    if (!isMessage) item.append(...termButtons(this.#actions, path, value), columnButton(this.#actions, path));
    return item;
  }
}

const cellOf = (...values) => Object.assign(element("span", ...values), { role: "gridcell" });

const skewOf = (row) => (row.time ? Date.parse(row.received) - row.ms : 0);

/** What a line says that marks a change of state. */
function markOf(row) {
  if (row.kind === "complete") return "■ complete ";
  const action = valueText(row.attributes.action ?? row.attributes.status);
  return `● ${action ? inOneLine(action).slice(0, 80) : "status"} `;
}

/** A message that is a JSON object or array. */
function jsonOf(text) {
  if (!/^\s*[[{]/.test(text) || text.length > 256 << 10) return null;
  try {
    const value = parseJSON(text);
    return typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}

/** One of eight, the same for the same text everywhere. */
function colourOf(text) {
  let hash = 0;
  for (let index = 0; index < text.length; index++) hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0;
  return (hash >>> 0) % 8;
}

export function lineOf(row) {
  const level = row.severity > 0 ? ` ${row.level.toUpperCase()}` : "";
  const attributes = Object.entries(row.attributes).map(([key, value]) => ` ${key}=${valueText(value)}`).join("");
  const source = row.source ? `${row.source}: ` : "";
  return inOneLine(`${row.time ?? row.received} ${row.stream}@${row.seq}${level} ${source}${row.message}${attributes}`);
}

export function jsonOfRow(row) {
  const names = "stream seq time received severity level source message attributes kind".split(" ");
  return exactJSON(Object.fromEntries(names.map((name) => [name, row[name]])));
}
