// One camera's tile: what it is called, what it is doing, and its four figures.

import { duration, rate, share, wholeMs, write } from "./text.js";

export function makeTile(name) {
  const tile = document.getElementById("tile").content.firstElementChild.cloneNode(true);
  tile.dataset.camera = name;
  write(tile.querySelector(".tile-name"), name);
  tile.querySelector(".tile-open").setAttribute("aria-label", `Open ${name}`);
  tile.querySelector("canvas").setAttribute("aria-label", `Picture of ${name}`);
  return tile;
}

export function fillTile(tile, camera, objective) {
  const live = camera.state === "live";
  const [trouble] = camera.troubles;
  tile.dataset.state = camera.state;
  if (trouble) tile.dataset.trouble = trouble.kind;
  else delete tile.dataset.trouble;
  write(tile.querySelector(".tile-veil-state"), camera.state);
  write(tile.querySelector(".tile-veil-reason"), camera.reason);
  write(tile.querySelector(".tile-state span:last-child"), camera.state);
  const strip = tile.querySelector(".tile-trouble");
  strip.hidden = !(live && trouble);
  write(strip.lastElementChild, trouble?.sentence ?? "");

  const kinds = new Set(camera.troubles.map((one) => one.kind));
  figure(tile, "fps", rate(camera.analysed_fps), false, `${camera.analysed_fps} of ${camera.fps} frames/s analysed, last 10 s`);
  figure(tile, "p95", wholeMs(camera.p95_ms), kinds.has("latency"), `95th percentile of the last 10 s; ${objective.latency_ms} ms allowed`);
  figure(tile, "age", duration(camera.age_ms), kinds.has("stalled"), "since the newest analysed frame was captured");
  const { captured, dropped, drop_rate } = camera.minute;
  figure(tile, "drops", share(drop_rate), kinds.has("drops"), `${dropped} of ${captured} frames of the last minute`);
}

function figure(tile, name, text, broken, title) {
  const element = tile.querySelector(`[data-figure="${name}"]`);
  element.classList.toggle("broken", broken);
  if (element.title !== title) element.title = title;
  write(element.querySelector("dd"), text);
}
