// The last minutes of the fleet: two time charts, fed by the history at first and by every status after it.

import { TimeChart } from "./timechart.js";
import { rate, wholeMs } from "./text.js";

const LONGEST_S = 300;
const SHORTEST_S = 60;

export class Charts {
  #points = [];
  #latency = null;
  #fps = null;

  start(objective) {
    const name = `p${objective.percentile} of all frames`;
    this.#latency = new TimeChart(document.getElementById("chart-latency"), {
      title: name, format: wholeMs, limit: objective.latency_ms, value: (point) => (point.frames > 0 ? point.p_all_ms ?? Infinity : null),
    });
    this.#fps = new TimeChart(document.getElementById("chart-fps"), {
      title: "analysed frames/s", format: rate, limit: null, value: (point) => point.analysed_fps,
    });
  }

  replace(points) {
    this.#points = points;
    this.#draw();
  }

  add({ at_s, fleet, objective }) {
    const { p_all_ms, frames } = objective.recent;
    const last = this.#points.at(-1);
    if (last && at_s - last.at_s < 0.5) return;
    this.#points.push({ at_s, analysed_fps: fleet.analysed_fps, p_all_ms, frames });
    this.#points = this.#points.filter((point) => at_s - point.at_s <= LONGEST_S);
    this.#draw();
  }

  #draw() {
    const known = this.#points.length > 0 ? this.#points.at(-1).at_s - this.#points[0].at_s : 0;
    const span = Math.min(LONGEST_S, Math.max(SHORTEST_S, known));
    this.#latency.draw(this.#points, span);
    this.#fps.draw(this.#points, span);
  }
}
