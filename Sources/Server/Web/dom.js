// The few things that every part does with the document. Text goes in as text, never as HTML.

export const base = document.documentElement.dataset.base;

export const byID = (id) => document.getElementById(id);

/** An element with a class and children, which are elements or text. */
export function element(name, className = "", ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

export function button(text, title, action) {
  const made = Object.assign(element("button", "", text), { type: "button", title, onclick: action });
  // A sign alone says nothing when it is read out.
  if (text.length === 1) made.ariaLabel = title;
  return made;
}

/** Shows a message in an element, or hides it. */
export function say(target, text) {
  if (target.textContent !== text) target.textContent = text;
  target.hidden = !text;
}

/** Calls the action when it has not been wanted for a while, with the last arguments. */
export function settled(milliseconds, action) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...values), milliseconds);
  };
}

export const plural = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

export const ascending = (numbers) => [...numbers].sort((one, other) => one - other);
