// What a WebSocket does for the page, by server-sent events: where something in between lets no WebSocket through.

import { selection } from "./address.js";
import { parseJSON } from "./entry.js";
import { requestAddress } from "./server.js";

const names = ["log", "skipped", "live", "complete", "error", "heartbeat"];

/** The cursor of each stream that the id of an event holds: `incarnation.number`, or `name:incarnation.number,…`. */
function cursorsOf(id, streams) {
  if (!id.includes(":")) return id === "0" ? {} : { [streams[0]]: id };
  const cursors = {};
  for (const part of id.split(",")) {
    const [name, cursor] = part.split(":");
    cursors[decodeURIComponent(name)] = cursor;
  }
  return cursors;
}

const idOf = (cursors) =>
  Object.entries(cursors).map(([name, cursor]) => `${encodeURIComponent(name)}:${cursor}`).join(",") || "0";

/** It takes one subscription at a time; its messages are objects. */
export class EventsSocket {
  readyState = WebSocket.OPEN;
  #source = null;
  #request = null;
  /** Entries that are handed over together, and the id behind the last one. */
  #logs = [];
  #id = "";
  #timer = 0;

  constructor() { queueMicrotask(() => this.onopen()); }

  send(text) {
    this.#end();
    const request = JSON.parse(text);
    if (request.type !== "subscribe") return;
    this.#request = request;
    const place = request.after ? ["after", idOf(request.after)] : ["last", "0"];
    this.#source = new EventSource(requestAddress("follow", [...selection(request), place]));
    for (const name of names) this.#source.addEventListener(name, (event) => this.#receive(name, event));
  }

  close() {
    this.readyState = WebSocket.CLOSED;
    this.#end();
  }

  #end() {
    this.#source?.close();
    this.#source = null;
    this.#logs = [];
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  #receive(name, { data, lastEventId: id }) {
    if (data === undefined) {
      // The connection is cut.
      this.#flush();
      this.close();
      return this.onclose();
    }
    const value = parseJSON(data);
    if (name === "log") {
      if (this.#logs.length > 0 && this.#logs[0].stream !== value.stream) this.#flush();
      this.#logs.push(value);
      this.#id = id;
      this.#timer ||= setTimeout(() => this.#flush());
      return;
    }
    this.#flush();
    const cursors = cursorsOf(id, this.#request.streams);
    if (name === "live") {
      this.#tell("subscribed", { streams: Object.keys(cursors).length });
      value.after = cursors;
    }
    if (name === "complete" || name === "error") this.#end();
    this.#tell(name, value, { cursor: cursors[value.stream] });
  }

  #flush() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const logs = this.#logs;
    if (logs.length === 0) return;
    this.#logs = [];
    const { stream } = logs[0];
    this.#tell("logs", logs, { stream, cursor: cursorsOf(this.#id, this.#request.streams)[stream] });
  }

  #tell(type, value, more) {
    this.onmessage({ data: { type, id: this.#request.id, [type]: value, ...more } });
  }
}
