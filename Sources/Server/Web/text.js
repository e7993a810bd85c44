// Messages as they may be shown: terminal colours become classes, and characters that would hide or turn around text
// become visible. Only text nodes are made of what came from a log.

import { element } from "./dom.js";

/** Of a longer message only so much stands in the list; the opened row has it all, in steps. */
export const shownCharacters = 4_096;

/** Controls other than tab, and characters that change the direction of text or end a line. */
const hidden = /[\0-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ufeff]/g;
const sgr = /\x1b\[([0-9;:]*)m/g;

/** What else programs write for terminals, and says nothing here: the rest of the line cleared, links. */
const furniture = /\x1b\[\d?K|\x1b\]8;[^\x07\x1b]*(?:\x07|\x1b\\)/g;

/** How a character looks that has no look of its own. */
function visible(character) {
  const code = character.codePointAt(0);
  if (code === 10) return "↵";
  if (code < 32) return String.fromCodePoint(0x2400 + code);
  if (code === 127) return "␡";
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Text without terminal colours, as filters see it. */
export const withoutColours = (text) => (text.includes("\x1b") ? text.replace(furniture, "").replace(sgr, "") : text);

/** Text in one line, for titles and for copying rows as lines. */
export const inOneLine = (text) => withoutColours(text).replace(hidden, visible);

/** The pieces of a text between changes of its colours. */
function* pieces(text) {
  let style = { fg: "", bg: "", flags: new Set() };
  let start = 0;
  for (const match of text.matchAll(sgr)) {
    if (match.index > start) yield { text: text.slice(start, match.index), classes: classesOf(style) };
    style = changed(style, codesOf(match[1]));
    start = match.index + match[0].length;
  }
  if (start < text.length) yield { text: text.slice(start), classes: classesOf(style) };
}

/** Numbers between semicolons; with colons, a colour may name a space of colours, which is left out. */
function codesOf(text) {
  return text.split(";").flatMap((part) => {
    const numbers = part.split(":").map(Number);
    return numbers.length > 4 && numbers[1] === 2 ? [numbers[0], 2, ...numbers.slice(-3)] : numbers;
  });
}

const flagNames = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike" };

function changed(style, codes) {
  const { flags } = style;
  for (let index = 0; index < codes.length; index++) {
    const code = codes[index];
    if (code === 0) {
      style.fg = style.bg = "";
      flags.clear();
    } else if (flagNames[code]) flags.add(flagNames[code]);
    else if (code === 22) ["bold", "dim"].forEach((name) => flags.delete(name));
    else if (code > 22 && code < 30) flags.delete(flagNames[code - 20]);
    else if (code >= 30 && code <= 37) style.fg = `fg-${code - 30}`;
    else if (code >= 90 && code <= 97) style.fg = `fg-${code - 82}`;
    else if (code >= 40 && code <= 47) style.bg = `bg-${code - 40}`;
    else if (code >= 100 && code <= 107) style.bg = `bg-${code - 92}`;
    else if (code === 39) style.fg = "";
    else if (code === 49) style.bg = "";
    else if (code === 38 || code === 48) {
      const [colour, used] = extended(codes.slice(index + 1));
      style[code === 38 ? "fg" : "bg"] = `${code === 38 ? "fg" : "bg"}-${colour}`;
      index += used;
    }
  }
  return style;
}

function classesOf({ fg, bg, flags }) {
  const isInverse = flags.has("inverse");
  const colours = isInverse ? [fg.replace("fg", "bg") || "bg-7", bg.replace("bg", "fg") || "fg-0"] : [fg, bg];
  return [...colours, ...flags].filter(Boolean).join(" ");
}

/** The nearest of the 16 colours to one of 256, or of 16 million. */
function extended([kind, ...values]) {
  if (kind === 5) {
    const number = values[0] ?? 0;
    if (number < 16) return [number, 2];
    if (number >= 232) return [nearest(Array(3).fill((number - 232) * 10 + 8)), 2];
    const cube = number - 16;
    return [nearest([cube / 36, (cube / 6) % 6, cube % 6].map((part) => Math.floor(part) * 51)), 2];
  }
  return kind === 2 ? [nearest(values.slice(0, 3)), 4] : [7, 0];
}

function nearest([red = 0, green = 0, blue = 0]) {
  const isBright = Math.max(red, green, blue) > 192;
  const limit = isBright ? 128 : 64;
  const colour = (red > limit ? 1 : 0) + (green > limit ? 2 : 0) + (blue > limit ? 4 : 0);
  return isBright ? colour + 8 : colour;
}

// Marks

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Finds words in texts, each in any case unless it has a capital letter, as filters do. */
export class Marks {
  #patterns;

  constructor(words) {
    this.words = words.filter(Boolean);
    const isExact = (word) => word !== word.toLowerCase();
    const patternOf = (list, flags) => (list.length ? [new RegExp(list.map(escaped).join("|"), flags)] : []);
    this.#patterns = [
      ...patternOf(this.words.filter(isExact), "g"), ...patternOf(this.words.filter((word) => !isExact(word)), "gi"),
    ];
  }

  get isEmpty() { return this.#patterns.length === 0; }

  match(text) { return this.#patterns.some((pattern) => text.search(pattern) >= 0); }

  /** Where they are, in order and without overlaps, at most 200. */
  ranges(text) {
    const all = [];
    for (const pattern of this.#patterns) {
      for (const match of text.matchAll(pattern)) {
        all.push([match.index, match.index + match[0].length]);
        if (all.length >= 200) break;
      }
    }
    all.sort((left, right) => left[0] - right[0]);
    return all.filter((range, index) => index === 0 || range[0] >= all[index - 1][1]);
  }
}

export const noMarks = new Marks([]);

/** The words of a filter that stand for text, to mark what was found. */
export function filterWords(filter) {
  const words = [];
  for (const match of filter.matchAll(/(-|NOT\s+|[\w.@$-]+(?:[:=<>~!]+))?(?:"((?:[^"\\]|\\.)*)"|([^\s()"]+))/g)) {
    const word = match[2]?.replace(/\\(.)/g, "$1") ?? match[3];
    const isField = match[1] || /^[A-Za-z_@$][\w.@$-]*([:=<>~!])/.test(word) || /^[-/=]/.test(word);
    if (!isField && !["AND", "OR", "NOT"].includes(word)) words.push(word);
  }
  return words;
}

/**
 * Fills an element with a text.
 * @param lines whether line feeds begin new lines
 */
export function show(target, message, { marks = noMarks, colours = true, lines = false } = {}) {
  const text = message.includes("\x1b") ? message.replace(furniture, "") : message;
  const plain = withoutColours(text);
  if (marks.isEmpty && plain === text && !needsCare(lines ? text.replaceAll("\n", "") : text)) {
    target.textContent = text;
    return;
  }
  target.replaceChildren();
  const ranges = marks.isEmpty ? [] : marks.ranges(plain);
  let offset = 0;
  for (const piece of pieces(text)) {
    const end = offset + piece.text.length;
    let start = offset;
    for (const [from, to] of ranges) {
      if (to <= start || from >= end) continue;
      add(target, plain.slice(start, Math.max(from, start)), colours ? piece.classes : "", lines);
      add(target, plain.slice(Math.max(from, start), Math.min(to, end)), `${colours ? piece.classes : ""} mark`, lines);
      start = Math.min(to, end);
    }
    add(target, plain.slice(start, end), colours ? piece.classes : "", lines);
    offset = end;
  }
}

// `search` starts at the beginning each time, and leaves nothing behind in the expression, unlike `test`.
const needsCare = (text) => text.search(hidden) >= 0;

function add(target, text, classes, lines) {
  if (!text) return;
  const parent = classes.trim() ? element("span", classes.trim()) : target;
  let start = 0;
  for (const match of text.matchAll(hidden)) {
    if (lines && match[0] === "\n") continue;
    parent.append(text.slice(start, match.index), element("span", "control", visible(match[0])));
    start = match.index + 1;
  }
  parent.append(text.slice(start));
  if (parent !== target) target.append(parent);
}
