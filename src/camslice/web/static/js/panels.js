// The tables beside the wall: stages, fates, engines, problems.

import { latencyText } from "./figures.js";
import { fillStages, stageSplit } from "./stages.js";
import { count, make, share, wholeMs, write } from "./text.js";

const FATES = ["analysed", "gated", "predicted", "superseded", "stale", "failed", "in_flight"];
const MEANING = {
  analysed: "went through the model",
  gated: "nothing had changed",
  predicted: "boxes carried without inference",
  superseded: "a newer frame took its place",
  stale: "could no longer make it in time",
  failed: "the engine could not analyse it",
  in_flight: "held right now",
};

export function showPanels(status) {
  showStages(status);
  showFates(status.fleet, status.objective);
  replaceList("engines", status.engines.map(engine));
  replaceList("policy-changes", policyChanges(status));
  replaceList("losses", losses(status));
  replaceList("problems", status.problems.map((problem) => make("li", {}, problem)));
}

function showStages({ fleet, objective }) {
  const frames = fleet.stages.total?.n ?? 0;
  const table = document.getElementById("stages");
  write(table.caption, frames > 0 ? `Milliseconds of ${count(frames)} frames since the start` : "No frame has been analysed yet");
  fillStages(table, fleet.stages, objective);
  document.getElementById("stage-split").replaceChildren(...stageSplit(fleet.stages));
  const { since_start: start, percentile } = objective;
  const judgement = document.getElementById("judgement");
  judgement.dataset.met = start.met ?? "";
  const figures = `p${percentile} over all captured frames, dropped ones counting as infinitely late: ${latencyText(start)}, ${wholeMs(objective.latency_ms)} allowed.`;
  write(judgement, start.met === null ? "" : `${figures} ${verdict(objective)} since the start.`);
}

function verdict({ since_start: start, latency_ms, drop_rate }) {
  if (start.met) return "Objective met";
  const late = start.p_all_ms === null || start.p_all_ms > latency_ms;
  const causes = [late ? "too late" : "", start.drop_rate > drop_rate ? "too many frames dropped" : ""].filter(Boolean);
  return `Objective not met (${causes.join(", ")})`;
}

function showFates(fleet, objective) {
  const { frames } = fleet;
  const parts = FATES.filter((fate) => frames[fate] > 0);
  const bars = parts.map((fate) => {
    const bar = make("span", { "data-fate": fate });
    bar.style.flexGrow = String(frames[fate]);
    return bar;
  });
  document.getElementById("fate-split").replaceChildren(...bars);
  const rows = FATES.map((fate) => {
    const part = frames.captured > 0 ? share(frames[fate] / frames.captured) : "";
    const row = make("li", { "data-fate": fate, title: MEANING[fate] });
    row.append(make("span", { class: "swatch" }), make("span", {}, words(fate)), make("span", { class: "number" }, count(frames[fate])), make("span", { class: "number" }, part));
    row.classList.toggle("nothing", frames[fate] === 0);
    return row;
  });
  document.getElementById("fates").replaceChildren(...rows);
  const sum = FATES.filter((fate) => frames[fate] > 0).map((fate) => `${words(fate)} ${count(frames[fate])}`);
  write(document.getElementById("identity"), `captured ${count(frames.captured)} = ${sum.join(" + ") || "0"}`);
  const rate = document.getElementById("drop-rate");
  rate.classList.toggle("broken", fleet.drop_rate > objective.drop_rate);
  const regions = fleet.regions > 0 ? ` Of the analysed, ${count(fleet.regions)} in regions.` : "";
  const beside = `${regions} Beside the sum: missed ${count(fleet.missed)}, corrupt ${count(fleet.corrupt)}, decoded ${count(fleet.decoded)}.`;
  write(rate, `Drop rate ${share(fleet.drop_rate)} since the start, ${share(objective.drop_rate)} allowed. ${beside}`);
}

function engine(engine) {
  const meter = make("div", { class: "meter", role: "img", "aria-label": `occupied ${share(engine.occupancy)} of the time` }, make("span"));
  meter.firstElementChild.style.width = `${Math.min(100, engine.occupancy * 100)}%`;
  const chips = [engine.backend, engine.device, engine.precision, engine.licence].map((text) => make("li", {}, text));
  const row = make("li", {}, make("div", { class: "engine-head" }, make("strong", {}, engine.model), make("span", { class: "number" }, `${share(engine.occupancy)} busy`)));
  row.append(meter, make("ul", { class: "chips" }, ...chips));
  if (engine.policy) row.append(policy(engine));
  if (engine.problem) row.append(make("p", { class: "broken" }, engine.problem));
  return row;
}

function policy({ policy, inferences }) {
  const audited = policy.recall === null ? "recall not known yet" : `recall ${policy.recall.toFixed(3)} over ${count(policy.audited)} audited frames`;
  const text = `Policy ${policy.policy}: ${policy.reason}. ${audited[0].toUpperCase()}${audited.slice(1)}; ${count(inferences)} inferences.`;
  return make("p", policy.overloaded ? { class: "broken" } : { class: "identity" }, text);
}

function policyChanges({ policy_changes: changes }) {
  const when = (change) => new Date(change.at_s * 1000).toLocaleTimeString([], { hour12: false });
  return changes.slice(-5).reverse().map((change) => make("li", {}, `${when(change)} ${change.model}: ${change.after} instead of ${change.before}: ${change.reason}`));
}

function losses({ dropped_results, restarts }) {
  const lost = Object.entries(dropped_results).filter(([, number]) => number > 0);
  const lines = lost.map(([cause, number]) => make("li", {}, `${count(number)} results not written: ${cause}`));
  if (restarts > 0) lines.push(make("li", {}, `analysis process restarted ${restarts === 1 ? "once" : `${restarts} times`}`));
  return lines;
}

function replaceList(id, items) {
  const list = document.getElementById(id);
  const text = items.map((item) => item.outerHTML).join("");
  list.hidden = items.length === 0;
  if (list.dataset.shown === String(text.length) + text) return;
  list.dataset.shown = String(text.length) + text;
  list.replaceChildren(...items);
}

const words = (fate) => fate.replace("_", " ");
