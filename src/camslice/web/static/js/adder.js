// The form for a new camera. What is wrong with it is the server's to say, in one sentence.

import { ask } from "./requests.js";
import { write } from "./text.js";

export class Adder {
  #dialog = document.getElementById("adder");
  #form = this.#dialog.querySelector("form");
  #error = this.#dialog.querySelector(".form-error");

  constructor() {
    this.#dialog.querySelector("[data-do=cancel]").addEventListener("click", () => this.#dialog.close());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit();
    });
  }

  open() {
    this.#complain(null);
    this.#dialog.showModal();
  }

  async #submit() {
    const data = new FormData(this.#form);
    const models = data.getAll("models");
    const fps = Number(data.get("fps"));
    const missing = ["name", "source"].find((key) => data.get(key).trim() === "");
    if (missing) return this.#complain(`Give the camera a ${missing}.`);
    if (!(fps > 0)) return this.#complain("Frames per second must be above 0.");
    if (models.length === 0) return this.#complain("Choose at least one model.");
    const error = await ask("POST", "/api/cameras", { name: data.get("name").trim(), source: data.get("source").trim(), fps, models });
    this.#complain(error);
    if (error !== null) return;
    this.#form.reset();
    this.#dialog.close();
  }

  #complain(sentence) {
    this.#error.hidden = sentence === null;
    write(this.#error, sentence ?? "");
  }
}
