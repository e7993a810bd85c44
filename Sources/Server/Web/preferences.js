// The dialog with what a reader chooses for all views.

import { button, byID, element } from "./dom.js";
import { settings } from "./settings.js";
import { isZone, zones } from "./time.js";

/** @param changed called with what the reader has chosen */
export function showPreferences(changed, session, logOut) {
  const dialog = byID("dialog");
  const form = element("div", "fields");
  const add = (words, control) => {
    const label = element("label", "", words);
    const target = control.matches("input, select") ? control : control.querySelector("input");
    target.id = `preference-${form.children.length}`;
    label.htmlFor = target.id;
    form.append(label, control);
  };
  add("Theme", choice(["dark", "light"], settings.theme, (theme) => changed({ theme })));
  add("Time zone", zoneInput(changed));
  add("Wrap long lines (w)", check(settings.wrap, (wrap) => changed({ wrap })));
  add("Terminal colours", check(settings.sgr, (sgr) => changed({ sgr })));
  for (const name of new Set(["time", "stream", "source", "level", "seq", ...settings.columns])) {
    add(`Column: ${name === "seq" ? "number" : name}`, check(settings.columns.includes(name), (isShown) => {
      const others = settings.columns.filter((each) => each !== name);
      changed({ columns: isShown ? inOrder([...others, name]) : others });
    }));
  }
  const actions = element("div", "actions");
  if (session.csrf) actions.append(button(`Log out ${session.name}`, "", logOut));
  actions.append(button("Close", "", () => dialog.close()));
  dialog.replaceChildren(element("h2", "", "Settings"), form, actions);
  dialog.setAttribute("aria-label", "Settings");
  dialog.showModal();
}

const order = ["time", "seq", "stream", "source", "level"];

export const inOrder = (columns) =>
  [...order.filter((name) => columns.includes(name)), ...columns.filter((name) => !order.includes(name))];

function choice(values, current, chosen) {
  const select = element("select", "", ...values.map((value) => {
    const option = element("option", "", value);
    option.selected = value === current;
    return option;
  }));
  select.addEventListener("change", () => chosen(select.value));
  return select;
}

function check(isOn, chosen) {
  const box = element("input");
  box.type = "checkbox";
  box.checked = isOn;
  box.addEventListener("change", () => chosen(box.checked));
  return box;
}

function zoneInput(changed) {
  const input = element("input");
  input.value = settings.zone;
  const list = element("datalist", "", ...zones().map((zone) => {
    const option = element("option");
    option.value = zone;
    return option;
  }));
  list.id = "zones";
  input.setAttribute("list", list.id);
  input.addEventListener("change", () => {
    const isKnown = isZone(input.value);
    input.setCustomValidity(isKnown ? "" : "a zone like Europe/Berlin, UTC or local");
    if (isKnown) changed({ zone: input.value });
    else input.reportValidity();
  });
  return element("span", "", input, list);
}
