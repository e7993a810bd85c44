// How many entries there were over time, by level. What is stored is asked for once, what comes is counted here.

import { selection } from "./address.js";
import { ascending, byID, plural, settled } from "./dom.js";
import { levelIndex, levels } from "./entry.js";
import { get } from "./server.js";
import { settings } from "./settings.js";
import { dayAndClock, timeOf } from "./time.js";

const barCount = 90;
const spans = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400, 604_800];

/** What live entries have added is checked against the server this often. */
const refreshMilliseconds = 60_000;
const names = ["unspecified", ...levels];

export class Histogram {
  #section = byID("histogram");
  #canvas = byID("bars");
  #words = byID("bars-words");
  #view = null;
  #bars = new Map();
  #from = 0;
  #to = 0;
  #width = 0;
  #abort = null;
  /** From where to where a pointer is dragged, in milliseconds; null if none is. */
  #drag = null;
  /** Where the bar begins that keys are at, and the one from which on they choose; null if there is none. */
  #at = null;
  #anchor = null;
  #timer = 0;
  #isDue = false;
  #chosen;

  /** @param chosen what to do with a range that the reader chose, in milliseconds; without its end if that is said */
  constructor(chosen) {
    this.#chosen = chosen;
    for (const [id, factor] of [["wider", 2], ["narrower", 0.5]]) {
      byID(id).onclick = () => chosen(this.#to - (this.#to - this.#from) * factor, this.#view.until ? this.#to : null);
    }
    const canvas = this.#canvas;
    canvas.onpointerdown = (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.#drag = Array(2).fill(this.#timeAt(event));
    };
    canvas.onpointermove = (event) => {
      if (!this.#drag) return;
      this.#drag[1] = this.#timeAt(event);
      this.#draw();
    };
    canvas.onpointerup = () => this.#end();
    canvas.onkeydown = (event) => this.#key(event);
    new ResizeObserver(() => this.#draw()).observe(canvas);
  }

  get isShown() { return !this.#section.hidden; }

  show(isShown) {
    this.#section.hidden = !isShown;
    if (isShown && this.#view) this.read();
    if (!isShown) clearInterval(this.#timer);
  }

  open(view) {
    this.#view = view;
    this.#at = this.#anchor = null;
    if (this.isShown) this.read();
  }

  read = settled(50, async () => {
    const view = this.#view;
    this.#abort?.abort();
    this.#abort = new AbortController();
    clearInterval(this.#timer);
    if (!view.until) this.#timer = setInterval(() => this.read(), refreshMilliseconds);
    this.#to = view.until ? timeOf(view.until) : Date.now();
    this.#from = view.since ? timeOf(view.since) : this.#to - 3_600_000;
    const seconds = Math.max(1, (this.#to - this.#from) / 1_000);
    this.#width = 1_000 * (spans.find((each) => seconds / each <= barCount) ?? Math.ceil(seconds / barCount));
    try {
      const { value } = await get("histogram", [
        ...selection(view), ["since", new Date(this.#from).toISOString()],
        ["until", new Date(this.#to).toISOString()], ["span", `${this.#width / 1_000}s`],
      ], this.#abort.signal);
      this.#bars.clear();
      for (const bar of value.spans) this.#bars.set(Date.parse(bar.start), names.map((name) => bar.levels[name]));
      this.#from = Math.min(this.#from, ...this.#bars.keys());
      this.#draw();
    } catch (error) {
      if (error.name !== "AbortError") this.#words.textContent = error.message;
    }
  });

  add(rows) {
    if (!this.isShown || !this.#width || this.#view?.until) return;
    for (const row of rows) {
      // Bars begin where the server's do: at multiples of their width, or of days.
      const known = [...this.#bars.keys()].at(-1);
      const start = known === undefined
        ? Math.floor(row.ms / this.#width) * this.#width
        : known + Math.floor((row.ms - known) / this.#width) * this.#width;
      if (!this.#bars.has(start)) this.#bars.set(start, names.map(() => 0));
      this.#bars.get(start)[levelIndex(row.severity) + 1] += 1;
    }
    this.#to = Math.max(this.#to, Date.now());
    if (this.#isDue) return;
    this.#isDue = true;
    setTimeout(() => {
      this.#isDue = false;
      this.#draw();
    }, 500);
  }

  #draw() {
    const canvas = this.#canvas;
    if (!this.#width || canvas.clientWidth === 0) return;
    canvas.width = canvas.clientWidth * devicePixelRatio;
    canvas.height = canvas.clientHeight * devicePixelRatio;
    const pen = canvas.getContext("2d");
    const most = Math.max(1, ...[...this.#bars.values()].map((counts) => counts.reduce((sum, each) => sum + each, 0)));
    const colours = coloursOf(canvas);
    const x = (ms) => ((ms - this.#from) / (this.#to - this.#from)) * canvas.width;
    const barWidth = Math.max(1, x(this.#from + this.#width) - 1);
    for (const [start, counts] of this.#bars) drawStack(pen, colours, counts, most, x(start), barWidth);
    const chosen = this.#drag ? ascending(this.#drag) : this.#range;
    if (chosen) {
      pen.fillStyle = "rgba(108,182,255,.3)";
      pen.fillRect(x(chosen[0]), 0, Math.max(2, x(chosen[1]) - x(chosen[0])), canvas.height);
    }
    this.#describe(most);
  }

  /** How many entries there are in a range, of them by level from the worst on, in words. */
  #sum([from, to]) {
    const sums = names.map(() => 0);
    for (const [start, counts] of this.#bars) {
      if (start >= from && start < to) counts.forEach((count, index) => { sums[index] += count; });
    }
    const levelSums = sums.map((sum, index) => sum > 0 && index > 0 && `${sum.toLocaleString("en")} ${names[index]}`);
    const total = plural(sums.reduce((sum, each) => sum + each), "entry", "entries");
    const when = (ms) => dayAndClock(ms, settings.zone);
    return [`${total} from ${when(from)} to ${when(to)}`, ...levelSums.reverse().filter(Boolean)].join(", ");
  }

  #describe(most) {
    const [first, last] = this.#ends;
    const all = this.#sum([Math.min(this.#from, first), Math.max(this.#to, last + 1)]);
    const range = this.#range;
    this.#words.textContent = range ? `${this.#sum(range)}: Enter shows them`
      : `${all}, ${this.#width / 1_000} s a bar, at most ${most.toLocaleString("en")}`;
    const place = (ms) => Math.round((ms - first) / this.#width);
    Object.assign(this.#canvas, {
      ariaLabel: `Histogram: ${all}`, ariaValueMin: 0, ariaValueMax: place(last), ariaValueNow: place(this.#at ?? last),
      ariaValueText: range ? this.#sum(range) : "no bar chosen",
    });
  }

  // Keys choose bars: arrows go over them, with Shift they choose all from one on.

  /** Where the first and the last bar begin. */
  get #ends() {
    const first = Math.min(...(this.#bars.size > 0 ? this.#bars.keys() : [this.#from]));
    return [first, first + this.#width * Math.max(0, Math.ceil((this.#to - first) / this.#width) - 1)];
  }

  get #range() {
    if (this.#at === null) return null;
    const [from, to] = ascending([this.#at, this.#anchor ?? this.#at]);
    return [from, to + this.#width];
  }

  #key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity }[event.key];
    if (step) {
      const [first, last] = this.#ends;
      const from = this.#at ?? (step < 0 ? last + this.#width : first - this.#width);
      const at = Math.max(first, Math.min(last, from + step * this.#width));
      this.#anchor = event.shiftKey ? this.#anchor ?? this.#at ?? at : null;
      this.#at = at;
    } else if (this.#at !== null && event.key === "Enter") this.#chosen(...this.#range, true);
    else if (event.key === "Escape") this.#at = this.#anchor = null;
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.#draw();
  }

  // Dragging chooses a range.

  #timeAt(event) {
    return this.#from + (event.offsetX / this.#canvas.clientWidth) * (this.#to - this.#from);
  }

  #end() {
    if (!this.#drag) return;
    const [from, to] = ascending(this.#drag);
    this.#drag = null;
    // A click chooses its bar.
    if ((to - from) * this.#canvas.clientWidth < 4 * (this.#to - this.#from)) {
      const start = [...this.#bars.keys()].filter((each) => each <= from).at(-1);
      if (start !== undefined) this.#chosen(start, start + this.#width, true);
    } else {
      this.#chosen(from, to);
    }
    this.#draw();
  }
}

/** Draws counts by level above each other, the most of all as high as the canvas. */
export function drawStack(pen, colours, counts, most, left, width) {
  let top = pen.canvas.height;
  for (const [index, count] of counts.entries()) {
    if (count === 0) continue;
    const height = (count / most) * pen.canvas.height;
    pen.fillStyle = colours[index];
    pen.fillRect(left, top - Math.max(1, height), width, Math.max(1, height));
    top -= height;
  }
}

/** The colours of the levels in the theme, without a level first. */
export function coloursOf(canvas) {
  const style = getComputedStyle(canvas);
  return ["--faint", "--trace", "--debug", "--accent", "--warn", "--error", "--fatal"]
    .map((name) => style.getPropertyValue(name));
}
