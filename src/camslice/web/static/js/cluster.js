// What the operator says of the fleet: its conditions, how many pods answer, and which cameras found no room.

import { make, write } from "./text.js";

export function showCluster({ cluster }) {
  const list = document.getElementById("conditions");
  if (!cluster || list === null) return;
  const refused = cluster.refused === 0 ? "" : ` ${cluster.refused} camera${cluster.refused === 1 ? " is" : "s are"} refused.`;
  const pods = cluster.pods === 1 && cluster.pods_answering === 1 ? "Its pod answers." : `${cluster.pods_answering} of ${cluster.pods} pods answer.`;
  write(document.getElementById("cluster-facts"), `Fleet ${cluster.fleet || "–"} in namespace ${cluster.namespace}. ${pods}${refused}`);
  const shown = JSON.stringify(cluster.conditions);
  if (list.dataset.shown === shown) return;
  list.dataset.shown = shown;
  list.replaceChildren(...cluster.conditions.map(condition));
}

function condition({ type, holds, reason, message, bad }) {
  const answer = holds === null ? "unknown" : holds ? "yes" : "no";
  const row = make("li", { "data-bad": String(bad) }, make("span", { class: "dot" }), make("strong", {}, type), make("span", { class: "number" }, answer));
  if (message || reason) row.append(make("p", {}, message || reason));
  return row;
}
