// Dark or light, and pictures only: kept in this browser.

export function wireSwitches() {
  const root = document.documentElement;
  document.getElementById("theme").addEventListener("click", () => {
    root.dataset.theme = isDark(root) ? "light" : "dark";
    keep("camslice-theme", root.dataset.theme);
  });

  const wall = document.getElementById("wall-view");
  const showWall = (pressed) => {
    if (pressed) root.dataset.view = "wall";
    else delete root.dataset.view;
    wall.setAttribute("aria-pressed", String(pressed));
    keep("camslice-view", pressed ? "wall" : "all");
    document.dispatchEvent(new Event("camslice:view"));
  };
  showWall(root.dataset.view === "wall");
  wall.addEventListener("click", () => showWall(root.dataset.view !== "wall"));
}

function isDark(root) {
  return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function keep(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // A private window keeps nothing; the switch still works until the page is closed.
  }
}
