// Sealing: what goes into the model is said before, and how it is used afterwards.

import { sendJson } from "./asking.js";
import { count, element } from "./panel.js";

const at = (id) => document.getElementById(id);

export class Seal {
  constructor(state, tell) {
    Object.assign(this, { state, tell, isReplaced: false });
    at("sealnow").onclick = () => this.#begin();
    at("sealclose").onclick = () => at("sealing").close();
  }

  ask() {
    this.isAsking = true;
    this.show(this.state());
    at("sealing").showModal();
  }

  // Show how far it is, whoever has begun it.
  show(state) {
    if (!at("sealing").open && !this.isAsking) return;
    const isBusy = state.state === "sealing";
    const { told, sealed } = state;
    at("sealnow").hidden = isBusy || (sealed.length > 0 && !this.isAsking);
    at("sealbar").hidden = !isBusy;
    if (isBusy) {
      this.isAsking = false;
      if (state.total) at("sealbar").setAttribute("value", state.done / state.total); else at("sealbar").removeAttribute("value");
      this.#say([`${state.what} …`]);
    } else if (this.isAsking) {
      this.#say(this.#before(state));
    } else if (told) {
      this.#say([told], true);
      at("sealnow").hidden = false;
    } else {
      this.#say(sealed);
    }
  }

  #before({ counts, sealed, folder }) {
    const sum = (source) => Object.values(counts).reduce((all, count) => all + count[source], 0);
    const learned = sum("own") + sum("suggested"), classes = Object.values(counts).filter(({ own, suggested }) => own + suggested).length;
    this.isReplaced = sealed.length > 0;
    return [
      `${count(learned, "label", "labels")} of ${count(classes, "class", "classes")} go into the model; ${count(sum("check"), "tile checks", "tiles check")} it.`,
      ...(sum("check") ? [] : ["Without tiles to check, its card can only say how it does on labels that were chosen."]),
      ...(sum("suggested") && !sum("own") ? ["The answer was in view at every label: its figures are called figures of training."] : []),
      `It is written to ${folder}/model${this.isReplaced ? ", in place of the one sealed before" : ""}. Temperature, threshold and what counts as unlike are fitted anew.`,
    ];
  }

  async #begin() {
    this.isAsking = false;
    try {
      await sendJson("lesson/seal", { replace: this.isReplaced });
    } catch (error) {
      this.#say([error.message], true);
    }
  }

  #say(lines, isWrong = false) {
    at("sealed").classList.toggle("wrong", isWrong);
    at("sealed").replaceChildren(...lines.map((line) => {
      const [words, command] = line.split(":  ");
      return command ? element("p", {}, `${words}:`, element("code", {}, command)) : element("p", {}, line);
    }));
    if (lines.some((line) => /sealed here before/.test(line))) this.isReplaced = true;
  }
}
