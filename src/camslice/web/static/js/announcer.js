// Tells screen readers what changed: cameras that fell into trouble or came out of it, at most once per status.

import { write } from "./text.js";

let before = null;

export function announceChanges(status) {
  const now = new Map(status.cameras.map((camera) => [camera.name, condition(camera)]));
  if (before !== null) {
    const changes = [...now].filter(([name, text]) => before.get(name) !== undefined && before.get(name).kind !== text.kind);
    const added = [...now.keys()].filter((name) => !before.has(name)).map((name) => `${name} was added`);
    const removed = [...before.keys()].filter((name) => !now.has(name)).map((name) => `${name} was removed`);
    const sentences = [...changes.map(([name, text]) => `${name}: ${text.sentence}`), ...added, ...removed];
    if (sentences.length > 0) write(document.getElementById("announcer"), sentences.slice(0, 4).join(". "));
  }
  before = now;
}

function condition(camera) {
  const [trouble] = camera.troubles;
  if (camera.state !== "live") return { kind: camera.state, sentence: `${camera.state}. ${camera.reason}` };
  return trouble ? { kind: trouble.kind, sentence: trouble.sentence } : { kind: "well", sentence: "live and well" };
}
