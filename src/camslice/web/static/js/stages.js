// The stage table: how long each stage of a frame took, as the case studies print it, and its means as one bar.

import { make, ms } from "./text.js";

export const STAGES = ["decode", "gate", "preprocess", "queue", "network", "inference", "postprocess"];
const COLUMNS = ["mean", "p50", "p95", "p99", "max"];

export function fillStages(table, stages, objective) {
  const names = [...STAGES, "total"].filter((stage) => stage in stages);
  const rows = names.map((stage) => {
    const cells = COLUMNS.map((column) => cell(stage, column, stages[stage][column], objective));
    return make("tr", { "data-stage": stage }, make("th", { scope: "row" }, make("span", { class: "swatch" }), stage), ...cells);
  });
  table.tBodies[0].replaceChildren(...rows);
}

export function stageSplit(stages) {
  return STAGES.filter((stage) => stage in stages && stages[stage].mean > 0).map((stage) => {
    const part = make("span", { "data-stage": stage, title: `${stage} ${ms(stages[stage].mean)} ms` });
    part.style.flexGrow = String(stages[stage].mean);
    return part;
  });
}

function cell(stage, column, value, objective) {
  const element = make("td", { title: value === null ? "none" : `${value} ms` }, ms(value));
  if (stage === "total" && column === `p${objective.percentile}`) {
    element.className = value > objective.latency_ms ? "broken" : "met";
  }
  return element;
}
