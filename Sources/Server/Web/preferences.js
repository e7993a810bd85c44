// The dialog with what a reader chooses for all views.

import { byID, element } from "./dom.js";
import { settings } from "./settings.js";
import { isZone, zones } from "./time.js";

/** @param changed called with what the reader has chosen */
export function showPreferences(changed, session, logOut) {
  const on = (id, values, action) => Object.assign(byID(`preference-${id}`), values, { onchange: action });
  const theme = on("theme", { value: settings.theme }, () => changed({ theme: theme.value }));
  const zone = on("zone", { value: settings.zone }, () => {
    const isKnown = isZone(zone.value);
    zone.setCustomValidity(isKnown ? "" : "a zone like Europe/Berlin, UTC or local");
    if (isKnown) changed({ zone: zone.value });
    else zone.reportValidity();
  });
  byID("zones").replaceChildren(...zones().map((name) => new Option("", name)));
  for (const name of ["wrap", "sgr"]) {
    on(name, { checked: settings[name] }, (event) => changed({ [name]: event.target.checked }));
  }
  byID("preference-columns").replaceChildren(...[...new Set([...order, ...settings.columns])].map((name) => {
    const box = Object.assign(element("input"), { type: "checkbox", checked: settings.columns.includes(name) });
    box.onchange = () => {
      const others = settings.columns.filter((each) => each !== name);
      changed({ columns: box.checked ? inOrder([...others, name]) : others });
    };
    return element("label", "", box, ` Column: ${name === "seq" ? "number" : name}`);
  }));
  const out = byID("log-out");
  out.hidden = !session.csrf;
  out.textContent = `Log out ${session.name}`;
  out.onclick = logOut;
  byID("preferences").showModal();
}

const order = ["time", "seq", "stream", "source", "level"];

export const inOrder = (columns) =>
  [...order.filter((name) => columns.includes(name)), ...columns.filter((name) => !order.includes(name))];
