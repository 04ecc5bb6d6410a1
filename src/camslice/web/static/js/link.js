// Says whether this page is connected; when it is not, since when its figures are old and when it tries again.

import { write } from "./text.js";

export function showLink(connection) {
  const pill = document.getElementById("link");
  const banner = document.getElementById("lost");
  let last = null;
  let nextTry = 0;
  let ticking = 0;

  function tick() {
    const seconds = Math.max(0, Math.ceil((nextTry - Date.now()) / 1000));
    const since = last === null ? "" : `Pictures and figures are from ${last.toLocaleTimeString()}. `;
    write(document.getElementById("lost-text"), since + (seconds > 0 ? `Trying again in ${seconds} s.` : "Trying again now."));
  }

  function show(state, text) {
    document.documentElement.dataset.link = pill.dataset.link = state;
    write(document.getElementById("link-text"), text);
    banner.hidden = state !== "lost";
  }

  connection.on("open", () => {
    clearInterval(ticking);
    show("open", "connected");
  });
  connection.on("status", () => {
    last = new Date();
  });
  connection.on("lost", (pauseMs) => {
    clearInterval(ticking);
    nextTry = Date.now() + pauseMs;
    tick();
    ticking = setInterval(tick, 500);
    show("lost", "no connection");
  });
  document.getElementById("retry").addEventListener("click", () => connection.open());
}
