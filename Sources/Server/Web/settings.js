// What a reader chooses once for all views: kept in this browser, if it allows that.

import { isZone } from "./time.js";

const key = "logs.settings";
const usual = {
  theme: "dark", wrap: false, zone: "local", columns: ["time", "stream", "source", "level"], sgr: true,
};

function read() {
  try {
    const stored = { ...usual, ...JSON.parse(localStorage.getItem(key) ?? "{}") };
    return { ...stored, zone: isZone(stored.zone) ? stored.zone : usual.zone };
  } catch {
    return { ...usual };
  }
}

let chosen = read();

/** Those that hold now: the reader's, and over them those of the address. */
export const settings = { ...chosen };

/** What the reader chooses is kept. */
export function change(values) {
  chosen = { ...chosen, ...values };
  Object.assign(settings, values);
  keep(key, JSON.stringify(chosen));
}

/** What an address asks for holds for its view only. */
export function use(values) {
  Object.assign(settings, chosen, values);
}

/** A value for the next visit; null forgets it. */
export function keep(name, value, storage = () => localStorage) {
  try {
    if (value === null) storage().removeItem(name);
    else storage().setItem(name, value);
  } catch {
    // Without storage, the next visit begins anew.
  }
}

export function kept(name, storage = () => localStorage) {
  try {
    return storage().getItem(name);
  } catch {
    return null;
  }
}
