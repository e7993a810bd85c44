// The address is the view: streams, filter, times, the chosen rows and how they are shown all stand in it.
//
//   /s/docker/nginx?filter=level>=warn      one stream, live
//   /s/docker/nginx@48213-48220             some of its entries, in their place
//   /q?stream=web&stream=db/*               several streams

import { base } from "./dom.js";

const texts = ["filter", "level", "highlight", "since", "until", "columns", "zone"];

/** Writes to the address at most this often: browsers refuse more. */
const writeMilliseconds = 500;

export const isPattern = (name) => /[*?]/.test(name);

/** The parts of `web@7`: a name may have an `@` itself. */
export function parseRow(text) {
  const match = /^(.+)@(\d{1,19})(?:-(\d{1,19}))?$/.exec(text);
  if (!match) return null;
  return { stream: match[1], seq: Number(match[2]), to: Number(match[3] ?? match[2]) };
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
    const name = decodeURIComponent(match[1]);
    view.streams = [name];
    if (match[2]) view.row = { stream: name, seq: Number(match[2]), to: Number(match[3] ?? match[2]) };
  } else if (path === "/q") {
    view.streams = parameters.getAll("stream").filter(Boolean);
    view.row = parseRow(parameters.get("at") ?? "");
  }
  return view;
}

export function format(view) {
  const parameters = new URLSearchParams();
  const isOne = view.streams.length === 1 && !isPattern(view.streams[0]);
  if (!isOne) for (const name of view.streams) parameters.append("stream", name);
  for (const name of texts) if (view[name]) parameters.set(name, view[name]);
  if (view.wrap !== null) parameters.set("wrap", view.wrap ? "1" : "0");
  if (view.chart) parameters.set("chart", "1");
  for (const pin of view.pins) parameters.append("pin", `${pin.stream}@${pin.seq}`);
  if (!isOne && view.row) parameters.set("at", view.row.stream + rowText(view.row));
  const path = isOne ? `/s/${encodeName(view.streams[0])}${view.row ? rowText(view.row) : ""}` : "/q";
  const query = parameters.toString();
  return `${base}${path}${query ? `?${query}` : ""}`;
}

let timer = 0;
let written = 0;
let latest = "";

/** Has the address say what is shown, now or soon. */
export function show(view) {
  latest = format(view);
  if (timer) return;
  timer = setTimeout(() => {
    timer = 0;
    written = performance.now();
    if (latest !== location.pathname + location.search) history.replaceState(null, "", latest);
  }, Math.max(0, written + writeMilliseconds - performance.now()));
}

/** A new view, from which the browser's button leads back. */
export function push(view) {
  clearTimeout(timer);
  timer = 0;
  latest = format(view);
  history.pushState(null, "", latest);
}
