// Times in the zone that the reader chose: `local`, `UTC`, or a name like `Europe/Berlin`.

const formats = new Map();

function partsIn(zone, date) {
  if (!formats.has(zone)) {
    formats.set(zone, new Intl.DateTimeFormat("en-US", {
      timeZone: zone === "local" ? undefined : zone, hourCycle: "h23", year: "numeric", month: "2-digit",
      day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
    }));
  }
  return Object.fromEntries(formats.get(zone).formatToParts(date).map(({ type, value }) => [type, value]));
}

export function isZone(name) {
  if (name === "local") return true;
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone: name }));
  } catch {
    return false;
  }
}

export const zones = () => ["local", "UTC", ...(Intl.supportedValuesOf?.("timeZone") ?? [])];

export function clock(ms, zone) {
  const { hour, minute, second } = partsIn(zone, ms);
  return `${hour}:${minute}:${second}.${String(Math.floor(ms) % 1_000).padStart(3, "0")}`;
}

export function day(ms, zone) {
  const parts = partsIn(zone, ms);
  return `${parts.year}-${parts.month}-${parts.day}`;
}

export function dayAndClock(ms, zone, withSeconds = true) {
  return `${day(ms, zone)} ${clock(ms, zone).slice(0, withSeconds ? 8 : 5)}`;
}

/** `12 s`, `3 min`, `4 h`, `2 d` */
export function span(ms) {
  for (const [unit, size] of [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000]]) {
    if (ms >= size) return `${Math.floor(ms / size)} ${unit}`;
  }
  return `${Math.max(0, Math.round(ms / 1_000))} s`;
}

/** A time of the address, as milliseconds: a moment, or a span before now. */
export function timeOf(text) {
  const match = /^(\d+)(s|m|h|d|w)$/.exec(text);
  const units = { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 };
  if (/^@?\d+(\.\d+)?$/.test(text)) return Number(text.replace("@", "")) * 1_000;
  return match ? Date.now() - Number(match[1]) * units[match[2]] : Date.parse(text);
}
