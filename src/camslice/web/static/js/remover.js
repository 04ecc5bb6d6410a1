// Asks before a camera is removed.

import { ask } from "./requests.js";
import { write } from "./text.js";

export class Remover {
  #dialog = document.getElementById("remover");
  #error = this.#dialog.querySelector(".form-error");
  #name = "";

  constructor(onRemoved) {
    this.#dialog.querySelector("[data-do=cancel]").addEventListener("click", () => this.#dialog.close());
    this.#dialog.querySelector("form").addEventListener("submit", async (event) => {
      event.preventDefault();
      const error = await ask("DELETE", `/api/cameras/${encodeURIComponent(this.#name)}`);
      this.#error.hidden = error === null;
      write(this.#error, error ?? "");
      if (error !== null) return;
      this.#dialog.close();
      onRemoved();
    });
  }

  ask(name) {
    this.#name = name;
    this.#error.hidden = true;
    write(this.#dialog.querySelector("[data-name]"), name);
    this.#dialog.showModal();
  }
}
