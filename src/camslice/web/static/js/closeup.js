// One camera, large: its picture, its state, the stages of its frames and what was seen. It can be removed here.

import { draw } from "./picture.js";
import { Remover } from "./remover.js";
import { fillStages } from "./stages.js";
import { count, duration, make, rate, share, wholeMs, write } from "./text.js";

export class Closeup {
  #connection;
  #dialog = document.getElementById("closeup");
  #canvas = this.#dialog.querySelector("canvas");
  #remover = new Remover(() => this.#dialog.close());
  #status = null;
  #name = "";

  constructor(connection) {
    this.#connection = connection;
    const actions = {
      previous: () => this.#step(-1),
      next: () => this.#step(1),
      close: () => this.#dialog.close(),
      remove: () => this.#remover.ask(this.#name),
    };
    for (const button of this.#dialog.querySelectorAll("[data-do]")) {
      button.addEventListener("click", actions[button.dataset.do]);
    }
    this.#dialog.addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft") this.#step(-1);
      if (event.key === "ArrowRight") this.#step(1);
    });
    this.#dialog.addEventListener("click", (event) => event.target === this.#dialog && this.#dialog.close());
    this.#dialog.addEventListener("close", () => document.dispatchEvent(new Event("camslice:watch")));
  }

  open(name) {
    this.#name = name;
    this.#dialog.dataset.camera = name;
    this.#canvas.getContext("2d").clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    document.getElementById("closeup-streams").replaceChildren();
    if (!this.#dialog.open) this.#dialog.showModal();
    document.dispatchEvent(new Event("camslice:watch"));
    this.show(this.#status);
  }

  shows(name) {
    return this.#dialog.open && name === this.#name;
  }

  async draw(picture) {
    await draw(this.#canvas, picture.jpeg);
    this.#connection.seen(picture.camera);
  }

  show(status) {
    this.#status = status;
    if (!this.#dialog.open) return;
    const camera = status.cameras.find((one) => one.name === this.#name);
    if (camera === undefined) {
      this.#dialog.close();
      return;
    }
    this.#fill(camera, status.objective);
    void this.#fetchStreams(status.objective);
  }

  #step(by) {
    const names = this.#status.cameras.map((camera) => camera.name);
    this.open(names[(names.indexOf(this.#name) + by + names.length) % names.length]);
  }

  #fill(camera, objective) {
    write(document.getElementById("closeup-name"), camera.name);
    this.#canvas.setAttribute("aria-label", `Picture of ${camera.name}`);
    this.#dialog.dataset.state = camera.state;
    write(document.getElementById("closeup-state").lastElementChild, camera.state);
    const veil = this.#dialog.querySelector(".closeup-veil");
    veil.hidden = camera.state === "live";
    write(veil, camera.reason || camera.state);
    const troubles = camera.troubles.map((trouble) => make("li", {}, trouble.sentence));
    document.getElementById("closeup-troubles").replaceChildren(...troubles);
    const facts = {
      source: camera.source,
      analysed: `${rate(camera.analysed_fps)} of ${camera.fps} frames/s`,
      "p95, last 10 s": `${wholeMs(camera.p95_ms)} of ${wholeMs(objective.latency_ms)} allowed`,
      age: duration(camera.age_ms),
      ...(camera.pods ? { [camera.pods.length > 1 ? "pods" : "pod"]: camera.pods.join(", ") } : {}),
      "dropped, last minute": `${share(camera.minute.drop_rate)} (${count(camera.minute.dropped)} of ${count(camera.minute.captured)})`,
      "since the start": `${count(camera.frames.captured)} captured, ${count(camera.frames.analysed)} analysed, ${count(camera.missed)} missed, ${count(camera.corrupt)} corrupt`,
    };
    const lines = Object.entries(facts).map(([what, value]) => make("div", {}, make("dt", {}, what), make("dd", {}, value)));
    document.getElementById("closeup-facts").replaceChildren(...lines);
  }

  async #fetchStreams(objective) {
    const name = this.#name;
    const response = await fetch(`/api/cameras/${encodeURIComponent(name)}`).catch(() => null);
    if (!response?.ok || name !== this.#name) return;
    const { streams, stored } = await response.json();
    const parts = streams.map((stream) => streamPart(stream, objective));
    document.getElementById("closeup-streams").replaceChildren(...parts, ...(stored ? [storedPart(stored)] : []));
  }
}

function streamPart(stream, objective) {
  const table = make("table", { class: "stages" });
  const head = ["stage", "mean", "p50", "p95", "p99", "max"].map((text) => make("th", { scope: "col" }, text));
  table.append(make("caption", {}, "Milliseconds since the start"), make("thead", {}, make("tr", {}, ...head)), make("tbody"));
  fillStages(table, stream.stages, objective);
  const seen = Object.entries(stream.detections).sort(([, a], [, b]) => b - a);
  const chips = seen.map(([label, number]) => make("li", {}, `${label} ${count(number)}`));
  return make("section", {}, make("h3", {}, stream.model), make("ul", { class: "chips" }, ...chips), table);
}

// What the fleet's store holds of the last hour: also of a camera whose pod is gone.
function storedPart(stored) {
  const part = make("section", {}, make("h3", {}, "Stored, last hour"));
  if (stored.problem) {
    part.append(make("p", { class: "broken" }, stored.problem));
    return part;
  }
  const seen = Object.entries(stored.detections).map(([label, number]) => make("li", {}, `${label} ${count(number)}`));
  const words = `${count(stored.captured)} captured, ${count(stored.analysed)} analysed, ${count(stored.dropped)} dropped, ${count(stored.missed)} missed; p95 ${wholeMs(stored.p95_ms)}`;
  part.append(make("p", { class: "identity" }, words), make("ul", { class: "chips" }, ...seen));
  return part;
}
