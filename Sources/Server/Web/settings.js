// What a reader chooses once for all views: kept in this browser, if it allows that.

const key = "logs.settings";
const usual = {
  theme: "dark", wrap: false, zone: "local", columns: ["time", "stream", "source", "level"], sgr: true, announce: true,
};

function read() {
  try {
    return { ...usual, ...JSON.parse(localStorage.getItem(key) ?? "{}") };
  } catch {
    return { ...usual };
  }
}

export const settings = read();

export function change(values) {
  Object.assign(settings, values);
  keep(key, JSON.stringify(settings));
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
