// Whether what a stream tells of runs: its latest entry of kind `status`, which `Up` or `Stopped` stands for.

import { byID } from "./dom.js";
import { valueText } from "./entry.js";
import { get, streamPath } from "./server.js";

/** How far back a stored one is looked for. */
const lookBackNumbers = 1_000_000;

export class Badge {
  #badge = byID("badge");
  #seq = 0;
  #stream = null;

  /** @param stream the stream that is shown, as the server lists it; null if there are several, or none */
  async open(stream) {
    this.#stream = stream;
    this.#seq = 0;
    this.#badge.hidden = true;
    if (!stream?.last) return;
    try {
      const { value } = await get(`${streamPath(stream.name)}/entries`, [
        ["before", String(stream.last + 1)], ["after", String(Math.max(0, stream.last - lookBackNumbers))],
        ["limit", "1"], ["filter", "kind:status"],
      ]);
      if (stream === this.#stream) this.add(value);
    } catch {
      // Without a badge the stream is shown as well.
    }
  }

  add(entries) {
    for (const entry of entries) {
      if (entry.kind === "status" && entry.seq > this.#seq) this.#show(entry);
    }
  }

  #show(entry) {
    this.#seq = entry.seq;
    const [state, words] = stateOf(entry);
    this.#badge.className = state;
    this.#badge.textContent = { stopped: "Stopped", up: "Up" }[state] ?? words.slice(0, 24);
    this.#badge.title = `${words} since ${entry.time ?? entry.received}`;
    this.#badge.hidden = false;
  }
}

/** Whether a status entry says `up`, `stopped` or neither, and its words. */
export function stateOf(entry) {
  const words = ["status", "action"].map((key) => valueText(entry.attributes[key])).join(" ") || entry.message;
  const isStopped = /\b(stop(ped)?|exit(ed)?|dead|died?|kill(ed)?|created|paused?|removed|destroyed)\b/i.test(words);
  if (isStopped && !/^up\b/i.test(words)) return ["stopped", words];
  return [/\b(up|running|started?|restarted?|unpaused?|healthy)\b/i.test(words) ? "up" : "", words];
}
