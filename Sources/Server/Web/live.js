// Follows streams over a WebSocket, or by events where none comes through: connects again when it is cut, goes on
// behind the last entry, and says so.

import { levelIndex, parseJSON, prepare } from "./entry.js";
import { EventsSocket } from "./events.js";
import { get, socketAddress } from "./server.js";

const firstWaitMilliseconds = 500;
const waitMillisecondsMax = 10_000;

/** The server says something at least every 15 s. */
const silenceMillisecondsMax = 40_000;
const connectMillisecondsMax = 10_000;

/** So often in a row a WebSocket may be cut without a word, by a server that answers, until events take its place. */
const refusalCountMax = 2;

/** How often a WebSocket is tried meanwhile. */
const socketMilliseconds = 60_000;

export class Live {
  /** `idle`, `connecting`, `waiting`, `open`, `live`, `ended`, `refused` */
  state = "idle";
  /** The cursor behind the last entry of each stream that is known. */
  after = {};
  /** How many streams there were at the start. */
  streamCount = null;
  retryAt = 0;
  /** Whether no WebSocket comes through, and events do instead. */
  isByEvents = false;
  #socket = null;
  #request = null;
  #id = 0;
  #wait = firstWaitMilliseconds;
  #timer = 0;
  #heard = 0;
  #hasBeenLive = false;
  #missing = 0;
  /** Whether what comes until it is live has come before. */
  #isAgain = false;
  #refusals = 0;
  #told;

  /**
   * @param told what to call: `state()`, `entries(rows, isAgain)`, `skipped(skip)`, `live(resumed)`, `ended()`,
   *   `unreachable()`, `refused(problem)`
   */
  constructor(told) {
    this.#told = told;
    setInterval(() => this.#checkSilence(), 5_000);
    setInterval(() => this.#trySocket(), socketMilliseconds);
    addEventListener("online", () => this.#connectNow());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.#connectNow(); });
  }

  /**
   * Begins anew.
   * @param request streams, filter, level
   * @param after cursors to go on from; null for what comes from now on
   */
  begin(request, after = null) {
    this.#leave();
    this.#request = request;
    this.after = { ...after };
    this.#hasBeenLive = false;
    this.#isAgain = after !== null;
    this.#id += 1;
    this.streamCount = null;
    if (this.#socket?.readyState === WebSocket.OPEN) this.#subscribe(after !== null);
    else this.#connect();
  }

  end() {
    this.#leave();
    this.#request = null;
    this.#set("idle");
  }

  #leave() {
    if (this.#request && this.#socket?.readyState === WebSocket.OPEN && !["ended", "refused"].includes(this.state)) {
      this.#socket.send(JSON.stringify({ type: "unsubscribe", id: `v${this.#id}` }));
    }
  }

  #set(state) {
    this.state = state;
    this.#told.state();
  }

  // The connection

  #connect() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#socket?.close();
    const socket = this.isByEvents ? new EventsSocket() : new WebSocket(socketAddress());
    this.#socket = socket;
    this.#heard = Date.now();
    this.#set("connecting");
    socket.onopen = () => {
      if (socket !== this.#socket || !this.#request) return;
      this.#subscribe(this.#hasBeenLive || Object.keys(this.after).length > 0);
    };
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#receive(event.data);
    };
    socket.onclose = () => {
      if (socket === this.#socket) this.#closed();
    };
  }

  #closed() {
    this.#socket = null;
    if (!this.#request || ["ended", "refused"].includes(this.state)) return;
    this.#learnWhy();
    const wait = this.#wait * (0.75 + Math.random() / 2);
    this.#wait = Math.min(this.#wait * 2, waitMillisecondsMax);
    this.retryAt = Date.now() + wait;
    this.#timer = setTimeout(() => this.#connect(), wait);
    this.#set("waiting");
  }

  /** The server may be down, or want a login; or something in between lets no WebSocket through. */
  async #learnWhy() {
    try {
      await get("session");
    } catch {
      this.#refusals = 0;
      return;
    }
    this.#refusals += 1;
    if (this.#refusals === 2 * refusalCountMax) this.#told.unreachable();
    if (this.#refusals !== refusalCountMax || this.isByEvents) return;
    this.isByEvents = true;
    this.#connectNow();
  }

  /** It may come through again. */
  #trySocket() {
    if (!this.isByEvents) return;
    const socket = new WebSocket(socketAddress());
    socket.onopen = () => {
      socket.close();
      if (!this.isByEvents) return;
      this.isByEvents = false;
      if (this.#request) this.#connect();
    };
  }

  #connectNow() {
    if (this.#timer) this.#connect();
    else this.#trySocket();
  }

  #checkSilence() {
    const socket = this.#socket;
    const isOpen = socket?.readyState === WebSocket.OPEN;
    if (!this.#request || (!isOpen && socket?.readyState !== WebSocket.CONNECTING)) return;
    if (Date.now() > this.#heard + (isOpen ? silenceMillisecondsMax : connectMillisecondsMax)) this.#cut();
  }

  #cut() {
    const socket = this.#socket;
    this.#closed();
    socket.close();
  }

  #subscribe(isResumed) {
    const { streams, filter, level } = this.#request;
    const message = { type: "subscribe", id: `v${this.#id}`, streams, batches: true };
    if (filter) message.filter = filter;
    if (level) message.level = level;
    if (isResumed) message.after = this.after;
    else message.last = 0;
    this.#missing = 0;
    this.#socket.send(JSON.stringify(message));
    this.#set("open");
  }

  // What the server says

  #receive(data) {
    this.#heard = Date.now();
    this.#refusals = 0;
    const message = typeof data === "string" ? parseJSON(data) : data;
    if (message.id !== undefined && message.id !== `v${this.#id}`) return;
    switch (message.type) {
      case "logs": return this.#take(message);
      case "skipped":
        this.after[message.skipped.stream] = message.cursor;
        this.#missing += message.skipped.to - message.skipped.from + 1;
        return this.#told.skipped(message.skipped);
      case "subscribed":
        this.streamCount = message.subscribed.streams;
        return this.#told.state();
      case "live": return this.#isLive(message.live.after ?? {});
      case "complete":
        this.#set("ended");
        return this.#told.ended();
      case "error": return this.#fail(message.error);
    }
  }

  #take(message) {
    const before = this.after[message.stream];
    this.after[message.stream] = message.cursor;
    const rows = message.logs.map(prepare);
    // Without a filter numbers follow one another, or a skip has said why not.
    if (!this.#request.filter && !this.#request.level && before) {
      const gap = rows[0].seq - number(before) - 1;
      if (gap > 0) {
        this.#missing += gap;
        this.#told.skipped({ stream: message.stream, from: rows[0].seq - gap, to: rows[0].seq - 1, reason: "missing" });
      }
    }
    this.#told.entries(rows, this.#isAgain);
  }

  #isLive(after) {
    const isResumed = this.#hasBeenLive;
    for (const [stream, cursor] of Object.entries(after)) {
      if (!(stream in this.after) || number(cursor) > number(this.after[stream])) this.after[stream] = cursor;
    }
    this.#hasBeenLive = true;
    this.#isAgain = false;
    this.#wait = firstWaitMilliseconds;
    this.#set("live");
    this.#told.live(isResumed ? { missing: this.#missing } : null);
  }

  #fail(problem) {
    if (problem.retryable) return this.#cut();
    this.#set("refused");
    this.#told.refused(problem);
  }
}

/** The number in a cursor. */
export const number = (cursor) => Number(cursor.split(".").at(-1));

/** Entries and levels of each of the last seconds. */
export class Rates {
  #seconds = [];
  static length = 60;

  add(rows) {
    const now = Math.floor(Date.now() / 1_000);
    let last = this.#seconds.at(-1);
    if (!last || last.second !== now) {
      last = { second: now, count: 0, levels: [0, 0, 0, 0, 0, 0, 0] };
      this.#seconds.push(last);
      while (this.#seconds[0].second <= now - Rates.length) this.#seconds.shift();
    }
    last.count += rows.length;
    for (const row of rows) last.levels[levelIndex(row.severity) + 1] += 1;
  }

  clear() { this.#seconds = []; }

  #at(offset) {
    const second = Math.floor(Date.now() / 1_000) + offset;
    return this.#seconds.find((each) => each.second === second) ?? null;
  }

  /** Entries in the last complete second. */
  get now() { return this.#at(-1)?.count ?? 0; }

  /** The last minute, oldest first. */
  get minute() { return Array.from({ length: Rates.length }, (_, index) => this.#at(index + 1 - Rates.length)); }
}
