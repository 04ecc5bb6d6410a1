// The line on top: is the fleet well, and the few figures that say so.

import { count, duration, NONE, rate, share, usd, wholeMs, write } from "./text.js";

export function showFigures(status) {
  const { objective, fleet } = status;
  showCondition(status);
  showObjective(objective);
  const spared = fleet.frames.gated + fleet.frames.predicted > 0 ? "; the others gated or predicted" : "";
  put("figure-fps", rate(fleet.analysed_fps), `frames/s of ${rate(due(status))} due${spared}`);
  showRecall(status);
  put("figure-drops", share(objective.recent.drop_rate), `${share(objective.drop_rate)} allowed`, objective.recent.drop_rate > objective.drop_rate);
  showUsd(objective, fleet, status.cluster);
  const each = fleet.cameras > 0 ? `${(fleet.memory_mb / fleet.cameras).toFixed(1)} MB per camera` : "";
  put("figure-memory", `${count(Math.round(fleet.memory_mb))} MB`, each);
  put("figure-cpu", fleet.cpu_cores.toFixed(2), "cores in use");
  write(document.getElementById("uptime"), duration(status.uptime_s * 1000));
}

function showCondition(status) {
  const troubled = status.cameras.filter((camera) => camera.troubles.length > 0).length;
  const total = status.cameras.length;
  const condition = document.getElementById("condition");
  condition.dataset.condition = troubled > 0 ? "trouble" : "well";
  const all = total === 1 ? "The camera is well" : `All ${total} cameras are well`;
  const some = `${troubled} of ${total} camera${total === 1 ? "" : "s"} in trouble`;
  write(document.getElementById("condition-text"), total === 0 ? "No cameras" : troubled > 0 ? some : all);
  document.title = troubled > 0 ? `(${troubled}) camslice` : "camslice";
}

function showObjective(objective) {
  const { recent, since_start: start } = objective;
  const card = document.getElementById("objective");
  card.dataset.met = recent.met ?? "";
  write(document.getElementById("objective-value"), latencyText(recent));
  write(document.getElementById("objective-verdict"), recent.met === null ? "" : recent.met ? "met" : "not met");
  const filled = recent.p_all_ms ?? (recent.frames > 0 ? Infinity : 0);
  const whole = objective.latency_ms * 1.25;
  const gauge = document.getElementById("gauge");
  gauge.style.setProperty("--filled", `${Math.min(100, (filled / whole) * 100)}%`);
  gauge.style.setProperty("--limit", `${(objective.latency_ms / whole) * 100}%`);
  write(document.getElementById("objective-note"), `${wholeMs(objective.latency_ms)} allowed · since the start ${latencyText(start)}`);
}

// A percentile that falls among dropped frames is infinite.
export function latencyText({ p_all_ms, frames }) {
  return p_all_ms === null && frames > 0 ? "∞" : wholeMs(p_all_ms);
}

function showUsd(objective, fleet, cluster) {
  const card = document.getElementById("figure-usd");
  card.hidden = fleet.usd_per_camera_month === null;
  if (card.hidden) return;
  const limit = objective.usd_per_camera_month;
  const shared = cluster ? "all nodes, over the cameras that run" : "this machine, shared";
  const note = limit === null ? shared : `${usd(limit)} allowed`;
  put("figure-usd", usd(fleet.usd_per_camera_month), note, limit !== null && fleet.usd_per_camera_month > limit);
}

// What is kept of the detections of full frames, where less than that is analysed.
function showRecall({ objective, engines }) {
  const policies = engines.map((engine) => engine.policy).filter(Boolean);
  const card = document.getElementById("figure-recall");
  card.hidden = policies.length === 0;
  if (card.hidden) return;
  const { recall } = objective.recent;
  const names = [...new Set(policies.map((policy) => policy.policy))].join(", ");
  const overloaded = policies.some((policy) => policy.overloaded);
  const note = `${share(objective.recall)} demanded · policy ${names}${overloaded ? ", for want of room" : ""}`;
  put("figure-recall", recall === null ? NONE : share(recall), note, overloaded || (recall !== null && recall < objective.recall));
}

function due(status) {
  return status.cameras.filter((camera) => camera.state === "live").reduce((sum, camera) => sum + camera.fps * camera.models.length, 0);
}

function put(id, value, note, broken = false) {
  const card = document.getElementById(id);
  card.classList.toggle("broken", broken);
  write(card.querySelector(".value"), value);
  write(card.querySelector(".note"), note);
}
