// Entries as the server sends them, and what the page has to know of each: its place in the order, and its size.

/** Numbers that a double cannot hold become BigInts, which show every digit. */
export function parseJSON(text) {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_, value, context) => {
    const isLost = typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "");
    return isLost ? BigInt(context.source) : value;
  });
}

export const exactJSON = (value, spaces) =>
  JSON.stringify(value, (_, part) => {
    if (typeof part !== "bigint") return part;
    return JSON.rawJSON ? JSON.rawJSON(String(part)) : String(part);
  }, spaces);

/** Rows that stand for something else than an entry. */
export const isEntry = (row) => row.gap === undefined && !row.divider;

/** What an address says of a row, or of the rows up to a number. */
export const placeOf = ({ stream, seq }, to = seq) => ({ stream, seq, to });

export const addressOf = (row) => `${row.stream}@${row.seq}`;

const unmeasured = { height: 0, isMeasured: false, isOpen: false };

/** Prepares an entry for the list: `ms` and `nanos` are its time, `size` about what it takes in memory. */
export function prepare(entry) {
  const time = entry.time ?? entry.received;
  entry.ms = Date.parse(time.length > 24 ? `${time.slice(0, 23)}Z` : time);
  entry.nanos = nanoseconds(time);
  entry.size = 400 + 2 * entry.message.length + sizeOf(entry.attributes);
  return Object.assign(entry, unmeasured);
}

/** What stands behind the milliseconds. */
function nanoseconds(time) {
  const digits = time.slice(20, -1);
  return digits.length > 3 ? Number(digits.slice(3).padEnd(6, "0")) : 0;
}

function sizeOf(value) {
  if (typeof value === "string") return 2 * value.length;
  if (typeof value !== "object" || value === null) return 16;
  let size = 32;
  for (const key in value) size += 2 * key.length + sizeOf(value[key]);
  return size;
}

/** A row for numbers that are not there. */
export function gapRow(stream, from, to, reason, near) {
  return {
    gap: reason, stream, seq: from, to, ms: near?.ms ?? Date.now(), nanos: near?.nanos ?? 0, size: 400, ...unmeasured,
  };
}

/** A line with a text right before a row (side -1), or behind it (1). It is none of those that are counted. */
export const dividerRow = (divider, { stream, seq, ms, nanos }, side) =>
  ({ divider, side, stream, seq, ms, nanos, size: 0, ...unmeasured });

/** The order of one stream: its numbers. */
export const byNumber = (left, right) => left.seq - right.seq || bySide(left, right);

const bySide = (left, right) => (left.side ?? 0) - (right.side ?? 0);

/** The order of several: time; of what has the same, streams by name. In a stream, numbers. */
export function byTime(left, right) {
  return left.ms - right.ms || left.nanos - right.nanos
    || (left.stream < right.stream ? -1 : left.stream > right.stream ? 1 : byNumber(left, right));
}

export const levels = ["trace", "debug", "info", "warn", "error", "fatal"];

/** Which of the levels a severity belongs to; -1 without one. */
export const levelIndex = (severity) => (severity > 0 ? Math.min(Math.floor((severity - 1) / 4), 5) : -1);

export const levelClass = (severity) => (severity > 0 ? `level-${levels[levelIndex(severity)]}` : "level-none");

/** The value of an attribute by its name, also inside of others: `http.request.method`. */
export function attribute(attributes, name) {
  if (attributes == null || typeof attributes !== "object") return undefined;
  if (Object.hasOwn(attributes, name)) return attributes[name];
  for (let dot = name.indexOf("."); dot > 0; dot = name.indexOf(".", dot + 1)) {
    const value = attribute(attributes[name.slice(0, dot)], name.slice(dot + 1));
    if (value !== undefined) return value;
  }
  return undefined;
}

export const valueText = (value) =>
  value === undefined ? "" : typeof value === "object" && value !== null ? exactJSON(value) : String(value);
