// The wall of cameras: a tile each, kept in the fleet's order; only tiles on the screen ask for pictures.

import { draw } from "./picture.js";
import { fillTile, makeTile } from "./tile.js";
import { write } from "./text.js";

const NARROWEST = 280;
const ROOM = 240;

export class Wall {
  #connection;
  #open;
  #list = document.getElementById("wall");
  #tiles = new Map();
  #visible = new Set();
  #filter = "all";
  #wanted = "";
  #room = ROOM;
  #status = null;
  #more = document.getElementById("more");
  #observer = new IntersectionObserver((entries) => this.#seeWhatIsVisible(entries), { rootMargin: "120px" });

  constructor(connection, open) {
    this.#connection = connection;
    this.#open = open;
    for (const tile of this.#list.children) this.#adopt(tile.dataset.camera, tile);
    for (const button of document.querySelectorAll("[data-filter]")) {
      button.addEventListener("click", () => this.#choose(button.dataset.filter));
    }
    document.getElementById("search").addEventListener("input", (event) => {
      this.#wanted = event.target.value.trim().toLowerCase();
      this.#room = ROOM;
      this.#select();
    });
    this.#more.addEventListener("click", () => {
      this.#room += ROOM;
      this.#select();
    });
    document.addEventListener("visibilitychange", () => this.#watch());
    document.addEventListener("camslice:watch", () => this.#watch());
    window.addEventListener("resize", () => this.#fit());
    document.addEventListener("camslice:view", () => this.#fit());
  }

  show(status) {
    this.#status = status;
    const troubled = status.cameras.filter((camera) => camera.troubles.length > 0).length;
    write(document.getElementById("count-all"), String(status.cameras.length));
    write(document.getElementById("count-trouble"), String(troubled));
    this.#select();
  }

  async draw(picture) {
    const tile = this.#tiles.get(picture.camera);
    if (tile !== undefined) await draw(tile.querySelector("canvas"), picture.jpeg);
    this.#connection.seen(picture.camera);
  }

  #adopt(name, tile) {
    this.#tiles.set(name, tile);
    this.#observer.observe(tile);
    tile.querySelector(".tile-open").addEventListener("click", () => this.#open(name));
    return tile;
  }

  #drop(name, tile) {
    this.#observer.unobserve(tile);
    this.#tiles.delete(name);
    this.#visible.delete(name);
    tile.remove();
    this.#watch();
  }

  #choose(filter) {
    this.#filter = filter;
    for (const button of document.querySelectorAll("[data-filter]")) {
      button.setAttribute("aria-pressed", String(button.dataset.filter === filter));
    }
    this.#select();
  }

  // Tiles are made for what is shown, and of that for the first few hundred: a browser carries those, but not thousands.
  #select() {
    const { cameras, objective } = this.#status;
    const fits = cameras.filter((camera) => this.#isWanted(camera));
    const shown = fits.slice(0, this.#room);
    const names = new Set(shown.map((camera) => camera.name));
    for (const [name, tile] of this.#tiles) if (!names.has(name)) this.#drop(name, tile);
    const tiles = shown.map((camera) => this.#tiles.get(camera.name) ?? this.#adopt(camera.name, makeTile(camera.name)));
    shown.forEach((camera, place) => fillTile(tiles[place], camera, objective));
    if (tiles.some((tile, place) => this.#list.children[place] !== tile)) this.#list.replaceChildren(...tiles);
    const empty = document.getElementById("empty");
    empty.hidden = shown.length > 0;
    write(empty, this.#nothing());
    this.#more.hidden = shown.length === fits.length;
    write(this.#more, `Show more (${fits.length - shown.length} of ${fits.length} cameras are not on this page)`);
    this.#fit();
  }

  #isWanted(camera) {
    const called = camera.name.toLowerCase().includes(this.#wanted);
    return called && (this.#filter === "all" || camera.troubles.length > 0);
  }

  #nothing() {
    if (this.#status.cameras.length === 0) return this.#status.cluster ? "No cameras yet." : "No cameras yet. Add one to begin.";
    if (this.#wanted !== "") return `No camera here is called “${this.#wanted}”.`;
    return "No camera is in trouble.";
  }

  // The fewest columns with which every tile is on the screen at once; where that cannot be, tiles are as small as they may be.
  #fit() {
    const tiles = [...this.#tiles.values()];
    if (tiles.length === 0) return;
    const gap = parseFloat(getComputedStyle(this.#list).columnGap);
    const width = this.#list.clientWidth + gap;
    const height = window.innerHeight - this.#list.offsetTop;
    const onlyPictures = document.documentElement.dataset.view === "wall";
    const foot = onlyPictures ? 0 : tiles[0].offsetHeight - tiles[0].querySelector(".tile-open").offsetHeight;
    const most = onlyPictures ? tiles.length : Math.max(1, Math.floor(width / (NARROWEST + gap)));
    const fits = (columns) => Math.ceil(tiles.length / columns) * ((width / columns - gap) * (9 / 16) + foot + gap) <= height;
    let columns = 1;
    while (columns < most && !fits(columns)) columns += 1;
    this.#list.style.setProperty("--columns", String(columns));
  }

  #seeWhatIsVisible(entries) {
    for (const entry of entries) {
      const name = entry.target.dataset.camera;
      if (entry.isIntersecting) this.#visible.add(name);
      else this.#visible.delete(name);
    }
    this.#watch();
  }

  #watch() {
    const closeup = document.getElementById("closeup");
    const names = closeup.open ? [closeup.dataset.camera] : [...this.#tiles.keys()].filter((name) => this.#visible.has(name));
    this.#connection.watch(document.hidden ? [] : names);
  }
}
