// The classes of a lesson: a key and a button for each, its labels, and what they say of the model.

import { element, swatch } from "./panel.js";

const at = (id) => document.getElementById(id);
const percent = (share) => `${Math.round(100 * share)} %`;

export class Grades {
  // `give` is called with the place of a class, or -1 to take a label away.
  constructor(classes, give) {
    this.classes = classes;
    this.rows = classes.map(({ code, name, color }, place) => {
      const key = place < 9 ? [element("kbd", {}, String(place + 1))] : [element("span")];
      const button = element("button", { type: "button", title: `Label as ${code}, ${name}` }, ...key, swatch(color), element("b", {}, code), ...(name === code ? [] : [element("span", {}, name)]));
      button.addEventListener("click", () => give(place));
      return element("tr", {}, element("th", { scope: "row" }, button), element("td"), element("td"));
    });
    document.querySelector("#lesson tbody").replaceChildren(...this.rows);
    at("erase").onclick = () => give(-1);
  }

  mark(place) {
    this.rows.forEach((row, number) => row.querySelector("button").setAttribute("aria-pressed", String(number === place)));
  }

  wait() { at("learning").textContent = "Learning …"; }

  show(state) {
    const { figures, counts } = state;
    this.classes.forEach(({ code }, place) => {
      const { own, suggested, check } = counts[code];
      const [, given, right] = this.rows[place].cells;
      given.textContent = `${own + suggested}${check ? ` + ${check}` : ""}`;
      given.title = `${own} of your own, ${suggested} with the answer in view, ${check} to check`;
      const found = figures?.classes[code];
      right.textContent = !found || !found.n ? "" : found.enough ? `${found.right} of ${found.n}` : "few";
      right.title = found?.enough ? `right; 95 % interval ${percent(found.low)} to ${percent(found.high)}` : "five labels and more give a figure";
    });
    const n = Object.values(counts).reduce((sum, { own, suggested, check }) => sum + own + suggested + check, 0);
    at("learning").textContent = state.told ? state.told : state.learned < state.revision ? "Learning …" : n ? `Learned; ${n} label${n === 1 ? " is" : "s are"} on the disk.` : "No label yet: choose a tile and press its number.";
    at("learning").classList.toggle("wrong", Boolean(state.told));
    at("figure").replaceChildren(...this.#figures(figures, counts));
  }

  #figures(found, counts) {
    if (!found) return [];
    const lines = [], shares = ({ right, n, low, high }) => `${right} of ${n} (${percent(low)} to ${percent(high)})`;
    if (found.checked.n) {
      lines.push(element("p", {}, element("b", {}, `Checked at random: ${shares(found.checked)} right`), `; before ${found.checked_before.right} of ${found.checked_before.n}.`));
    }
    const shown = Object.values(counts).some(({ suggested }) => suggested);
    if (found.after.enough) {
      const unit = found.unit === "slide" ? "slide" : "part of the slide";
      lines.push(element("p", {}, `Labels, each judged without its ${unit}: ${shares(found.after)} right; before ${found.before.right} of ${found.before.n}.`,
        ...(shown ? [" Answers were in view: a figure of training."] : [])));
    } else if (found.units) {
      lines.push(element("p", {}, `Not enough labels for a figure${found.units < 2 ? ": they lie together" : ` (${found.after.n})`}.`));
    }
    return lines;
  }
}
