// Numbers as people read them, and writing them into the page only when they changed.

const grouped = new Intl.NumberFormat("en-US");
export const NONE = "–";

export const count = (value) => grouped.format(value);

// Three figures that matter: 0.42, 6.21, 31.0, 205, 1,204.
export function ms(value) {
  if (value === null || value === undefined) return NONE;
  if (value >= 99.95) return grouped.format(Math.round(value));
  return value.toFixed(value >= 9.995 ? 1 : 2);
}

export const wholeMs = (value) => (value === null ? NONE : `${grouped.format(Math.round(value))} ms`);

export const rate = (value) => (value === null ? NONE : value >= 99.95 ? grouped.format(Math.round(value)) : value.toFixed(1));

// A share in percent; only what is whole is called 0% or 100%.
export function share(value) {
  if (value > 0 && value < 0.0005) return "<0.1%";
  if (value < 1 && value >= 0.9995) return "99.9%";
  return `${(value * 100).toFixed(value === 1 ? 0 : 1)}%`;
}

// An age or a duration from milliseconds: 90 ms, 1.2 s, 48 s, 3 min, 2 h, 5 d.
export function duration(valueMs) {
  if (valueMs === null) return NONE;
  if (valueMs < 950) return `${Math.round(valueMs)} ms`;
  const seconds = valueMs / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} d`;
}

export const usd = (value) => `$${value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;

export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// A new element with attributes and children (strings become text, never markup).
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
