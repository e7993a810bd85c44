// The address is the view: streams, filter, times, the chosen rows and how they are shown all stand in it.
//
//   /s/docker/nginx?filter=level>=warn      one stream, live
//   /s/docker/nginx@48213-48220             some of its entries, in their place
//   /q?stream=web&stream=db/*               several streams

import { base } from "./dom.js";
import { addressOf } from "./entry.js";
import { timeOf } from "./time.js";

const texts = ["filter", "level", "highlight", "since", "until", "columns", "zone"];

/** Writes to the address at most this often: browsers refuse more. */
const writeMilliseconds = 500;

const isPattern = (name) => /[*?]/.test(name);

/** Whether it is one stream by its name, whose order is that of its numbers. */
export const isOne = ({ streams }) => streams.length === 1 && !isPattern(streams[0]);

/** The parameters of requests about what a view selects, without its times. */
export const selection = ({ streams, filter, level }) =>
  [...streams.map((name) => ["stream", name]), ["filter", filter], ["level", level]];

/**
 * The filter of a view together with its times: a page, the subscription, and what is counted have to agree.
 * @param more terms besides
 */
export function filterOf({ filter, since, until }, more = "") {
  const terms = [since && `time>=${timeTerm(since)}`, until && `time<=${timeTerm(until)}`, more].filter(Boolean);
  if (terms.length === 0) return filter;
  // Parentheses move the column of which errors speak; only OR needs them.
  const own = /\bOR\b/.test(filter) ? `(${filter})` : filter;
  return [own, ...terms].filter(Boolean).join(" ");
}

/** A time as the address has it, as filters take it. */
function timeTerm(text) {
  const time = timeOf(text);
  return Number.isNaN(time) || /\d{4}-/.test(text) ? text : new Date(time).toISOString();
}

/** The parts of `web@7`: a name may have an `@` itself. */
export function parseRow(text) {
  const match = /^(.+)@(\d{1,19})(?:-(\d{1,19}))?$/.exec(text);
  return match && rowOf(match[1], match[2], match[3]);
}

/** null if there are no such numbers. */
function rowOf(stream, from, to = from) {
  const [seq, last] = [Number(from), Number(to)];
  return seq >= 1 && last >= seq && Number.isSafeInteger(last) ? { stream, seq, to: last } : null;
}

function decoded(name) {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

const rowText = (row) => `@${row.seq}${row.to > row.seq ? `-${row.to}` : ""}`;

function encodeName(name) {
  return encodeURIComponent(name).replaceAll("%2F", "/").replaceAll("%3A", ":").replaceAll("%24", "$");
}

export function parse(url) {
  const parameters = url.searchParams;
  const view = { streams: [], row: null, pins: parameters.getAll("pin").map(parseRow).filter(Boolean) };
  for (const name of texts) view[name] = parameters.get(name) ?? "";
  view.wrap = parameters.has("wrap") ? parameters.get("wrap") === "1" : null;
  view.chart = parameters.get("chart") === "1";
  const path = url.pathname.slice(base.length);
  if (path.startsWith("/s/")) {
    // An `@` of the name itself is escaped, the one before the number is not.
    const match = /^(.*?)(?:@(\d{1,19})(?:-(\d{1,19}))?)?$/.exec(path.slice(3));
    const name = decoded(match[1]);
    view.streams = [name].filter(Boolean);
    if (match[2]) view.row = rowOf(name, match[2], match[3]);
  } else if (path === "/q") {
    view.streams = parameters.getAll("stream").filter(Boolean);
    view.row = parseRow(parameters.get("at") ?? "");
  }
  return view;
}

export function format(view) {
  const parameters = new URLSearchParams();
  if (!isOne(view)) for (const name of view.streams) parameters.append("stream", name);
  for (const name of texts) if (view[name]) parameters.set(name, view[name]);
  if (view.wrap !== null) parameters.set("wrap", view.wrap ? "1" : "0");
  if (view.chart) parameters.set("chart", "1");
  for (const pin of view.pins) parameters.append("pin", addressOf(pin));
  if (!isOne(view) && view.row) parameters.set("at", view.row.stream + rowText(view.row));
  const path = isOne(view) ? `/s/${encodeName(view.streams[0])}${view.row ? rowText(view.row) : ""}` : "/q";
  const query = parameters.toString();
  return `${base}${path}${query ? `?${query}` : ""}`;
}

let timer = 0;
let written = 0;
let latest = null;

/**
 * Has the address say what is shown, now or soon.
 * @param top the row that is read, to find it again after a reload or a step back; null at the end
 */
export function show(view, top = history.state?.top ?? null) {
  latest = { address: format(view), top };
  if (timer) return;
  timer = setTimeout(() => {
    timer = 0;
    written = performance.now();
    const isThere = latest.address === location.pathname + location.search;
    if (isThere && placeOf(history.state?.top) === placeOf(latest.top)) return;
    history.replaceState({ top: latest.top }, "", latest.address);
  }, Math.max(0, written + writeMilliseconds - performance.now()));
}

const placeOf = (row) => (row ? addressOf(row) : "");

/** Forgets what was to be written: the browser has gone elsewhere. */
export function forget() {
  clearTimeout(timer);
  timer = 0;
}

/** A new view, from which the browser's button leads back. */
export function push(view) {
  forget();
  history.pushState({ top: null }, "", format(view));
}
