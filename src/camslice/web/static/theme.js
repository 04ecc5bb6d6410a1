// Runs before the first paint, so that a chosen theme does not flash. Without a choice the system's applies.
try {
  const chosen = localStorage.getItem("camslice-theme");
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
  if (localStorage.getItem("camslice-view") === "wall") document.documentElement.dataset.view = "wall";
} catch {
  // A browser that keeps nothing still shows the page.
}
