// The status line: how the view is doing, what is held, how fast entries come and how long they take to the screen.

import { byID, plural, say } from "./dom.js";
import { coloursOf, drawStack } from "./histogram.js";
import { Rates } from "./live.js";

const latencyCount = 1_000;
const latencyMax = 60_000;

/** Screen readers hear of news this often at most. */
const summaryMilliseconds = 10_000;

export class Status {
  #view;
  #latencies = [];
  #drawn = 0;
  #announced = 0;
  #summarized = 0;

  constructor(view) {
    this.#view = view;
    setInterval(() => this.#tick(), 1_000);
  }

  clear() {
    this.#latencies = [];
    this.#announced = 0;
  }

  /** What the view is in: a word for styles, and a text. */
  get #state() {
    const { live, problem, isLoading, isFollowing, isBounded, isStopped } = this.#view;
    if (problem) return ["refused", "Error"];
    if (live.state === "waiting") {
      const seconds = Math.max(0, Math.ceil((live.retryAt - Date.now()) / 1_000));
      return ["waiting", `Reconnecting in ${seconds} s`];
    }
    if (live.state === "connecting") return ["waiting", "Connecting"];
    if (isLoading) return ["loading", "Loading"];
    if (!isFollowing) return ["paused", isBounded ? "Stored" : `Paused, ${this.#news}`];
    if (isBounded) return ["stored", "Stored"];
    if (live.state === "ended") return ["complete", "Complete"];
    if (isStopped || document.querySelector("#badge.stopped:not([hidden])")) return ["stopped", "Stopped"];
    if (live.state === "live") return ["live", "Streaming"];
    return ["loading", "Loading"];
  }

  show() {
    const [word, text] = this.#state;
    const state = byID("state");
    state.dataset.state = word;
    if (state.textContent !== text) state.textContent = text;
    const { rows, search, note, lateCount, isAtStart, isAtEnd } = this.#view;
    const all = isAtStart && isAtEnd && rows.count > 0 ? ", all there are" : "";
    byID("count").textContent = search ?? `${plural(rows.count, "row")} held${all}`;
    const late = lateCount > 0 ? `${plural(lateCount, "entry", "entries")} came late and stand above` : "";
    const events = this.#view.live.isByEvents ? "live by events: no WebSocket comes through" : "";
    byID("note").textContent = [events, note, late].filter(Boolean).join("; ");
    this.#showNew();
  }

  get #news() {
    const { count, errors } = this.#view.news;
    return `${count.toLocaleString("en")} new${errors > 0 ? `, ${plural(errors, "error")}` : ""}`;
  }

  #showNew() {
    const { isFollowing, isBounded, news } = this.#view;
    say(byID("new"), isFollowing || isBounded ? "" : `${news.count > 0 ? this.#news : "To the end"} ↓`);
  }

  /** Rows were painted; live ones for the first time say how long they took. */
  painted(rows) {
    const waiting = rows.filter((row) => row.isFresh);
    if (waiting.length === 0) return;
    for (const row of waiting) row.isFresh = false;
    // What this frame holds is on the screen when the next task runs.
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      const now = performance.timeOrigin + performance.now();
      for (const row of waiting) {
        const latency = now - row.ms - row.nanos / 1e6;
        // What says that it is older, or younger than now, is no measure of the way to here.
        if (Math.abs(latency) < latencyMax) this.#latencies.push(latency);
      }
      if (this.#latencies.length > latencyCount) this.#latencies.splice(0, this.#latencies.length - latencyCount);
    };
    channel.port2.postMessage(null);
  }

  #tick() {
    this.show();
    const rate = this.#view.rates.now;
    const isFast = rate > 1_000 && this.#view.isFollowing;
    byID("rate").textContent = `${rate.toLocaleString("en")}/s${isFast ? ", shown 4 times a second" : ""}`;
    this.#showLatency();
    this.#drawStrip();
    this.#summarize();
  }

  #showLatency() {
    const shown = byID("latency");
    if (this.#latencies.length === 0) {
      shown.textContent = "";
      return;
    }
    const sorted = [...this.#latencies].sort((left, right) => left - right);
    const [half, most] = [0.5, 0.99].map((part) => sorted[Math.floor(part * (sorted.length - 1))]);
    shown.textContent = `to the screen ${half.toFixed(0)} ms, p99 ${most.toFixed(0)} ms`;
    shown.dataset.count = sorted.length;
  }

  /** The last minute, a column a second, by level. */
  #drawStrip() {
    const canvas = byID("strip");
    if (document.hidden || canvas.clientWidth === 0) return;
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, canvas.width, canvas.height);
    const minute = this.#view.rates.minute;
    const most = Math.max(1, ...minute.map((second) => second?.count ?? 0));
    const colours = coloursOf(canvas);
    const width = canvas.width / Rates.length;
    for (const [index, second] of minute.entries()) {
      if (second) drawStack(pen, colours, second.levels, most, index * width, Math.max(1, width - 0.5));
    }
    const total = minute.reduce((sum, second) => sum + (second?.count ?? 0), 0);
    canvas.ariaLabel = `${plural(total, "entry", "entries")} in the last minute`;
  }

  /** For screen readers: sums, never each line. */
  #summarize() {
    const { news, isFollowing } = this.#view;
    const isDue = performance.now() > this.#summarized + summaryMilliseconds;
    if (isFollowing || news.count === this.#announced || !isDue) return;
    this.#announced = news.count;
    this.#summarized = performance.now();
    announce(`${plural(news.count, "new entry", "new entries")}, ${plural(news.errors, "error")}`);
  }
}

/** Says something once, also to screen readers. */
export function announce(text) {
  byID("summary").textContent = text;
}
