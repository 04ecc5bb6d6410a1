// Puts the page together: one connection, and the parts that show what it brings.

import { announceChanges } from "./announcer.js";
import { Adder } from "./adder.js";
import { Charts } from "./charts.js";
import { Closeup } from "./closeup.js";
import { Connection } from "./connection.js";
import { showCluster } from "./cluster.js";
import { showFigures } from "./figures.js";
import { showLink } from "./link.js";
import { showPanels } from "./panels.js";
import { reloadWhenRefused } from "./requests.js";
import { wireSwitches } from "./switches.js";
import { Wall } from "./wall.js";

const connection = new Connection();
const closeup = new Closeup(connection);
const wall = new Wall(connection, (name) => closeup.open(name));
const charts = new Charts();
const adder = new Adder();

function show(status) {
  showFigures(status);
  wall.show(status);
  showPanels(status);
  showCluster(status);
  closeup.show(status);
  announceChanges(status);
}

document.getElementById("add-camera")?.addEventListener("click", () => adder.open());
wireSwitches();
showLink(connection);

const first = JSON.parse(document.getElementById("first-status").textContent);
charts.start(first.objective);
show(first);

connection.on("status", (status) => {
  show(status);
  charts.add(status);
});
connection.on("history", (points) => charts.replace(points));
connection.on("picture", (picture) => (closeup.shows(picture.camera) ? closeup.draw(picture) : wall.draw(picture)));
connection.on("lost", () => void reloadWhenRefused());
connection.open();
