// Requests to the server's HTTP door. docs/http.md has what they mean.

import { filterOf, selection } from "./address.js";
import { base } from "./dom.js";
import { parseJSON } from "./entry.js";
import { keep } from "./settings.js";

/** What the server refused, in its own words. */
export class Problem extends Error {
  constructor(status, value) {
    super(value?.detail ?? `the server answered ${status}`);
    this.status = status;
    this.code = value?.code ?? "";
    this.isRetryable = value?.retryable ?? status >= 500;
  }
}

let session = { name: "", csrf: null };

/** The page to come back to once the reader has logged in. */
export const returnKey = "logs.return";

export function logIn() {
  keep(returnKey, location.pathname + location.search, () => sessionStorage);
  location.assign(`${base}/login`);
}

async function answer(response) {
  if (response.ok) return parseJSON(await response.text());
  let value = null;
  try {
    value = await response.json();
  } catch {
    // Something between here and the server has answered.
  }
  if (response.status === 401) logIn();
  throw new Problem(response.status, value);
}

/** @param parameters pairs of names and values; empty values are left out */
export function requestAddress(path, parameters) {
  const given = parameters.filter(([, value]) => value !== "" && value != null);
  return `${base}/api/v1/${path}?${new URLSearchParams(given)}`;
}

export async function get(path, parameters = [], signal) {
  const response = await fetch(requestAddress(path, parameters), { signal, cache: "no-store" });
  return { value: await answer(response), isCapped: response.headers.get("Logs-Capped") === "true" };
}

export const streamPath = (name) => `streams/${encodeURIComponent(name)}`;

export async function openSession() {
  session = (await get("session")).value;
  return session;
}

export async function logOut() {
  await fetch(`${base}/logout`, { method: "POST", headers: { "X-CSRF-Token": session.csrf ?? "" } });
  location.assign(`${base}/login`);
}

/** The streams of a pattern, all pages of them up to a number. */
export async function listStreams(pattern, countMax = 5_000) {
  const streams = [];
  let after = "";
  for (;;) {
    const { value } = await get("streams", [["pattern", pattern], ["after", after]]);
    streams.push(...value.streams);
    if (!value.more || streams.length >= countMax) return streams;
    after = value.streams.at(-1).name;
  }
}

export function socketAddress() {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${base}/api/v1/ws`;
}

/** Everything that passes, from the first to the last one now, as a file. Only the server's clock counts. */
export function downloadAddress(view) {
  const selected = selection({ ...view, filter: filterOf(view) });
  return requestAddress("follow", [...selected, ["format", "ndjson"], ["since", "@0"], ["until", "head"]]);
}
