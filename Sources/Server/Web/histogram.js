// How many entries there were over time, by level. What is stored is asked for once, what comes is counted here.

import { selection } from "./address.js";
import { byID, button, element, plural, settled } from "./dom.js";
import { levels } from "./entry.js";
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
  #canvas = element("canvas");
  #legend = element("div", "legend");
  #words = element("span");
  #view = null;
  #bars = new Map();
  #from = 0;
  #to = 0;
  #width = 0;
  #abort = null;
  #drag = null;
  #timer = 0;
  #isDue = false;
  #chosen;

  /** @param chosen what to do with a range that the reader chose, in milliseconds; without its end if that is said */
  constructor(chosen) {
    this.#chosen = chosen;
    this.#canvas.setAttribute("role", "img");
    const zoom = [["−", "More time", 2], ["+", "Less time", 0.5]].map(([sign, title, factor]) =>
      button(sign, title, () => {
        const length = (this.#to - this.#from) * factor;
        this.#chosen(this.#to - length, this.#view.until ? this.#to : null);
      }));
    this.#legend.append(this.#words, ...zoom);
    this.#section.append(this.#canvas, this.#legend);
    this.#canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    this.#canvas.addEventListener("pointermove", (event) => this.#move(event));
    this.#canvas.addEventListener("pointerup", (event) => this.#end(event));
    new ResizeObserver(() => this.#draw()).observe(this.#canvas);
  }

  get isShown() { return !this.#section.hidden; }

  show(isShown) {
    this.#section.hidden = !isShown;
    if (isShown && this.#view) this.read();
    if (!isShown) clearInterval(this.#timer);
  }

  open(view) {
    this.#view = view;
    if (this.isShown) this.read();
  }

  /** Asks for what is stored. */
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

  /** Counts live entries. */
  add(rows) {
    if (!this.isShown || !this.#width || this.#view?.until) return;
    for (const row of rows) {
      // Bars begin where the server's do: at multiples of their width, or of days.
      const known = [...this.#bars.keys()].at(-1);
      const start = known === undefined
        ? Math.floor(row.ms / this.#width) * this.#width
        : known + Math.floor((row.ms - known) / this.#width) * this.#width;
      if (!this.#bars.has(start)) this.#bars.set(start, names.map(() => 0));
      this.#bars.get(start)[row.severity > 0 ? Math.min(Math.floor((row.severity - 1) / 4), 5) + 1 : 0] += 1;
    }
    this.#to = Math.max(this.#to, Date.now());
    if (this.#isDue) return;
    this.#isDue = true;
    setTimeout(() => {
      this.#isDue = false;
      this.#draw();
    }, 500);
  }

  get total() {
    let total = 0;
    for (const counts of this.#bars.values()) for (const count of counts) total += count;
    return total;
  }

  #draw() {
    const canvas = this.#canvas;
    if (!this.isShown || canvas.clientWidth === 0) return;
    const scale = devicePixelRatio;
    canvas.width = canvas.clientWidth * scale;
    canvas.height = canvas.clientHeight * scale;
    const pen = canvas.getContext("2d");
    const most = Math.max(1, ...[...this.#bars.values()].map((counts) => counts.reduce((sum, each) => sum + each, 0)));
    const colours = coloursOf(canvas);
    const barWidth = Math.max(1, (this.#width / (this.#to - this.#from)) * canvas.width);
    for (const [start, counts] of this.#bars) {
      const left = this.#x(start);
      let top = canvas.height;
      for (const [index, count] of counts.entries()) {
        const height = (count / most) * (canvas.height - 2);
        if (height <= 0) continue;
        pen.fillStyle = colours[index];
        pen.fillRect(left, top - Math.max(height, 1), Math.max(1, barWidth - 1), Math.max(height, 1));
        top -= height;
      }
    }
    if (this.#drag) {
      pen.fillStyle = "rgba(108,182,255,.3)";
      const [left, right] = [this.#drag.from, this.#drag.to].sort((one, other) => one - other);
      pen.fillRect(left * scale, 0, (right - left) * scale, canvas.height);
    }
    this.#describe(most);
  }

  #x(ms) { return ((ms - this.#from) / (this.#to - this.#from)) * this.#canvas.width; }

  #describe(most) {
    const text = `${plural(this.total, "entry", "entries")} from ${dayAndClock(this.#from, settings.zone)} to ${
      dayAndClock(this.#to, settings.zone)}, ${this.#width / 1_000} s a bar, at most ${most.toLocaleString("en")}`;
    this.#canvas.setAttribute("aria-label", text);
    this.#words.textContent = text;
  }

  // Dragging chooses a range.

  #begin(event) {
    this.#canvas.setPointerCapture(event.pointerId);
    this.#drag = { from: event.offsetX, to: event.offsetX };
  }

  #move(event) {
    if (!this.#drag) return;
    this.#drag.to = event.offsetX;
    this.#draw();
  }

  #end() {
    if (!this.#drag) return;
    const [left, right] = [this.#drag.from, this.#drag.to].sort((one, other) => one - other);
    this.#drag = null;
    const time = (x) => this.#from + (x / this.#canvas.clientWidth) * (this.#to - this.#from);
    // A click chooses its bar.
    if (right - left < 4) {
      const start = [...this.#bars.keys()].filter((each) => each <= time(left)).at(-1);
      if (start !== undefined) this.#chosen(start, start + this.#width, true);
    } else {
      this.#chosen(time(left), time(right));
    }
    this.#draw();
  }
}

/** The colours of the levels in the theme, without a level first. */
export function coloursOf(canvas) {
  const style = getComputedStyle(canvas);
  return ["--faint", "--trace", "--debug", "--accent", "--warn", "--error", "--fatal"]
    .map((name) => style.getPropertyValue(name));
}
