// The panel beside the slide: classes with their areas, how tiles are coloured, and which of them are shown.

import { ABSTAINED, DECISIONS, RAMP_CSS, REFUSED } from "./answers.js";

const at = (id) => document.getElementById(id);

export const count = (n, one, several) => `${n.toLocaleString("en")} ${n === 1 ? one : several}`;

export function element(name, attributes = {}, ...content) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "style") made.style.cssText = value;
    else if (value !== undefined) made.setAttribute(key, value);
  }
  made.append(...content);
  return made;
}

export const swatch = (color) => element("i", { class: "swatch", style: `background: ${color}`, "aria-hidden": "true" });

export class Panel {
  // `changed` is called after the settings have been changed here.
  constructor(answers, settings, changed) {
    this.answers = answers;
    this.settings = settings;
    this.changed = changed;
    this.#drawClasses();
    this.#drawColours();
    this.#drawDecisions();
    this.#listen();
    this.refresh();
  }

  // Show the settings, whoever has changed them.
  refresh() {
    const { hidden, decisions, least, most, heat, opacity } = this.settings;
    this.boxes.forEach((box, place) => { box.checked = !hidden.has(place); box.closest("tr").classList.toggle("off", hidden.has(place)); });
    this.decided.forEach((box, decision) => { box.checked = decisions[decision]; });
    at("colours").value = String(heat);
    at("ramp").hidden = heat < 0;
    for (const [id, value] of [["opacity", opacity], ["least", least], ["most", most]]) {
      at(id).value = value;
      at(`${id}is`).textContent = `${value} %`;
    }
    at("all").hidden = !hidden.size && decisions.every(Boolean) && least === 0 && most === 100;
  }

  // Show what the tiles add up to that are seen.
  count({ areas, abstained, shown }) {
    const answered = areas.reduce((sum, area) => sum + area, 0);
    [...areas].forEach((area, place) => this.#figures(this.rows[place], area, answered ? area / answered : null));
    this.#figures(this.unsure, abstained, null);
    const { length } = this.answers;
    const tiles = shown === length ? count(length, "tile", "tiles") : `${shown.toLocaleString("en")} of ${count(length, "tile", "tiles")} shown; areas are theirs`;
    at("counted").textContent = `${tiles}. Shares are those of the area that has an answer; areas are of tiles, not of cells.`;
  }

  #figures(row, area, share) {
    row.cells[1].textContent = area.toFixed(area < 10 ? 2 : 1);
    row.cells[2].textContent = share === null ? "" : `${Math.round(100 * share)} %`;
  }

  #drawClasses() {
    const { classes, abstained } = this.answers.told;
    const body = document.querySelector("#classes tbody");
    this.boxes = [];
    this.rows = classes.map(({ code, name, color }, place) => {
      const box = element("input", { type: "checkbox", "aria-label": `show ${code}, ${name}` });
      box.addEventListener("change", () => this.#hide(place, !box.checked));
      this.boxes.push(box);
      const words = name === code ? [] : [element("span", {}, name)];
      return element("tr", {}, element("th", { scope: "row" }, element("label", {}, box, swatch(color), element("b", {}, code), ...words)), element("td"), element("td"));
    });
    const words = element("label", {}, element("span", { style: "width: 13px; flex: none" }), swatch(abstained.color), element("span", {}, abstained.name));
    this.unsure = element("tr", {}, element("th", { scope: "row" }, words), element("td"), element("td"));
    body.replaceChildren(...this.rows, this.unsure);
  }

  #drawColours() {
    const choices = this.answers.told.classes.map(({ code }, place) => element("option", { value: place }, `probability of ${code}`));
    at("colours").replaceChildren(element("option", { value: -1 }, "class"), ...choices);
    document.querySelector("#ramp i").style.background = RAMP_CSS;
  }

  #drawDecisions() {
    const counts = [0, 0, 0];
    this.answers.decisions.forEach((decision) => { counts[decision]++; });
    const words = [...DECISIONS];
    words[ABSTAINED] = this.answers.told.abstained.name;
    this.decided = words.map((word, decision) => {
      const box = element("input", { type: "checkbox" });
      box.addEventListener("change", () => { this.settings.decisions[decision] = box.checked; this.changed(); });
      return box;
    });
    const shown = words.map((word, decision) => element("label", {}, this.decided[decision], word));
    at("decisions").replaceChildren(...shown.filter((_, decision) => decision !== REFUSED || counts[REFUSED]));
  }

  #hide(place, hide) {
    if (hide) this.settings.hidden.add(place); else this.settings.hidden.delete(place);
    this.changed();
  }

  #listen() {
    at("colours").onchange = () => { this.settings.heat = Number(at("colours").value); this.changed(); };
    at("opacity").oninput = () => { this.settings.opacity = Number(at("opacity").value); this.changed(); };
    at("least").oninput = () => { this.settings.least = Math.min(Number(at("least").value), this.settings.most); this.changed(); };
    at("most").oninput = () => { this.settings.most = Math.max(Number(at("most").value), this.settings.least); this.changed(); };
    at("all").onclick = () => {
      this.settings.hidden.clear();
      Object.assign(this.settings, { decisions: [true, true, true], least: 0, most: 100 });
      this.changed();
    };
  }
}
