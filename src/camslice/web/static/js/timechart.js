// A small time chart in SVG: one line over the last minutes, with a limit if there is one, and a reading under the pointer.

import { NONE, make, write } from "./text.js";

const HEIGHT = 96;
const ROOM = { left: 4, right: 4, top: 10, bottom: 16 };
const SVG = "http://www.w3.org/2000/svg";

export class TimeChart {
  #options;
  #reading;
  #svg;
  #points = [];
  #spanS = 300;
  #pointedX = null;

  // options: title, format(value), limit or null, value(point): a number, Infinity, or null for a gap.
  constructor(figure, options) {
    this.#options = options;
    this.#reading = make("strong", {}, NONE);
    this.#svg = document.createElementNS(SVG, "svg");
    this.#svg.setAttribute("role", "img");
    figure.append(make("figcaption", {}, make("span", {}, options.title), this.#reading), this.#svg);
    new ResizeObserver(() => this.#paint()).observe(figure);
    this.#svg.addEventListener("pointermove", (event) => this.#point(event.offsetX));
    this.#svg.addEventListener("pointerleave", () => this.#point(null));
  }

  draw(points, spanS) {
    this.#points = points;
    this.#spanS = spanS;
    this.#paint();
  }

  #point(x) {
    this.#pointedX = x;
    this.#paint();
  }

  #paint() {
    const width = this.#svg.clientWidth;
    if (width === 0 || this.#points.length === 0) return;
    const { value, limit } = this.#options;
    const values = this.#points.map(value);
    const finite = values.filter(Number.isFinite);
    const top = Math.max(limit === null ? 0 : limit * 1.2, 1.1 * Math.max(...finite, 0)) || 1;
    const now = this.#points.at(-1).at_s;
    const x = (atS) => ROOM.left + (1 - (now - atS) / this.#spanS) * (width - ROOM.left - ROOM.right);
    const y = (v) => ROOM.top + (1 - Math.min(v, top) / top) * (HEIGHT - ROOM.top - ROOM.bottom);
    const places = this.#points.map((point, index) => (values[index] === null ? null : [x(point.at_s), y(values[index])]));

    const parts = [...this.#grid(width, x, now)];
    parts.push(shape("path", { class: "chart-area", d: areas(places, y(0)) }), shape("path", { class: "chart-line", d: lines(places) }));
    if (limit !== null) parts.push(...this.#limit(width, y(limit)), ...beyond(places, values, limit));
    const index = this.#pointedX === null ? this.#points.length - 1 : nearest(this.#points, x, this.#pointedX);
    if (this.#pointedX !== null) parts.push(shape("line", { class: "chart-pointer", x1: x(this.#points[index].at_s), x2: x(this.#points[index].at_s), y1: ROOM.top, y2: HEIGHT - ROOM.bottom }));
    if (places[index]) parts.push(shape("circle", { class: "chart-dot", cx: places[index][0], cy: places[index][1], r: 3 }));
    this.#svg.replaceChildren(...parts);
    this.#read(index, values[index], now);
  }

  #read(index, value, now) {
    const text = value === null ? NONE : value === Infinity ? "∞" : this.#options.format(value);
    const ago = Math.round(now - this.#points[index].at_s);
    write(this.#reading, this.#pointedX === null || ago === 0 ? text : `${text}, ${ago} s ago`);
    this.#svg.setAttribute("aria-label", `${this.#options.title} over the last minutes; now ${text}`);
  }

  #grid(width, x, now) {
    const step = this.#spanS > 90 ? 60 : 15;
    const steps = Array.from({ length: Math.floor(this.#spanS / step) + 1 }, (_, index) => index * step);
    return steps.flatMap((ago) => {
      const at = x(now - ago);
      const anchor = ago === 0 ? "end" : at < 20 ? "start" : "middle";
      const label = shape("text", { class: "chart-label", x: at, y: HEIGHT - 3, "text-anchor": anchor });
      label.textContent = ago === 0 ? "now" : ago % 60 === 0 ? `−${ago / 60} min` : `−${ago} s`;
      return [shape("line", { class: "chart-grid", x1: at, x2: at, y1: ROOM.top, y2: HEIGHT - ROOM.bottom }), label];
    });
  }

  #limit(width, y) {
    const label = shape("text", { class: "chart-label chart-limit-label", x: ROOM.left + 2, y: y - 3 });
    label.textContent = `${this.#options.format(this.#options.limit)} allowed`;
    return [shape("line", { class: "chart-limit", x1: ROOM.left, x2: width - ROOM.right, y1: y, y2: y }), label];
  }
}

function shape(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function runs(places) {
  const found = [[]];
  for (const place of places) {
    if (place === null) found.push([]);
    else found.at(-1).push(place);
  }
  return found.filter((run) => run.length > 0);
}

const path = (run) => run.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L");

const lines = (places) => runs(places).map((run) => `M${path(run)}`).join("");

const areas = (places, floor) =>
  runs(places).map((run) => `M${run[0][0].toFixed(1)} ${floor}L${path(run)}L${run.at(-1)[0].toFixed(1)} ${floor}Z`).join("");

// What lies above the limit, drawn once more in the colour of trouble.
function beyond(places, values, limit) {
  const above = places.map((place, index) => (values[index] !== null && values[index] > limit ? place : null));
  return [shape("path", { class: "chart-beyond", d: lines(above) })];
}

function nearest(points, x, at) {
  let best = 0;
  points.forEach((point, index) => {
    if (Math.abs(x(point.at_s) - at) < Math.abs(x(points[best].at_s) - at)) best = index;
  });
  return best;
}
