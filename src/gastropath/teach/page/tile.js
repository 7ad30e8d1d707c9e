// The tile that is looked at: its picture at full resolution, what the model says of it, and where it speaks for a class.

import { ABSTAINED, REFUSED } from "./answers.js";
import { askJson, askPicture } from "./asking.js";
import { element } from "./panel.js";

export class TileView {
  // `sources` says whether there is a slide and a model, each with `there` and `told`; `closed` is called at the end.
  constructor(place, address, told, sources, closed) {
    Object.assign(this, { place, address, told, sources, closed, row: -1, heat: true, explained: -1, urls: [], isHidden: false });
  }

  close() {
    this.row = -1;
    this.#forget();
    this.place.replaceChildren();
  }

  async open(row) {
    if (row === this.row) return;
    this.close();
    this.row = row;
    const answer = await askJson(`${this.address}/tiles/${row}`);
    if (row !== this.row) return;  // another one was chosen meanwhile
    this.answer = answer;
    this.explained = answer.label === null ? -1 : this.told.classes.findIndex(({ code }) => code === answer.label);
    this.#draw();
    await this.#load();
  }

  // Show what the model says now; the picture stays.
  async renew() {
    const { row } = this;
    if (row < 0) return;
    const answer = await askJson(`${this.address}/tiles/${row}`);
    if (row !== this.row) return;
    this.answer = answer;
    this.#say();
  }

  toggleHeat() {
    if (this.row < 0 || !this.heatBox) return;
    this.heatBox.checked = !this.heatBox.checked;
    this.heatBox.dispatchEvent(new Event("change"));
  }

  #draw() {
    const { answer } = this;
    const [x, y, width, height] = answer.rectangle;
    const close = element("button", { type: "button", title: "Put it away (Esc)", "aria-label": "Put the tile away" }, "×");
    close.addEventListener("click", () => this.closed());
    this.picture = element("div", { class: "picture", style: `aspect-ratio: ${width} / ${height}` });
    this.words = element("div");
    this.place.replaceChildren(
      element("header", {}, element("h2", {}, "Tile"), close),
      this.picture,
      ...this.#heatSwitch(),
      this.words,
      element("p", { class: "facts" }, [
        `x ${x.toLocaleString("en")}, y ${y.toLocaleString("en")} px; ${width} × ${height} px`,
        ...(answer.distance === null ? [] : [`distance to the training tiles ${answer.distance.toFixed(3)}`]),
      ].join(" · ")),
    );
    this.#say();
    if (!this.staysThere) this.place.parentElement.scrollTop = 0;
  }

  #say() {
    if (this.isHidden) this.words.replaceChildren(element("p", { class: "reason quiet" }, "What the model says is hidden."));
    else this.words.replaceChildren(...this.#verdict(), ...(this.answer.decision === REFUSED ? [] : [this.#chances()]));
  }

  #verdict() {
    const { answer, told } = this;
    if (answer.decision === REFUSED) return [element("p", { class: "answer" }, "refused"), element("p", { class: "reason" }, answer.reason)];
    const { code, name } = told.classes[told.classes.findIndex((entry) => entry.code === answer.label)];
    const words = name === code ? code : `${code} ${name}`;
    if (answer.decision === ABSTAINED) {
      const because = answer.reason ? `: ${answer.reason}` : "";
      return [element("p", { class: "answer unsure" }, told.abstained.name), element("p", { class: "reason" }, `Best guess ${words}${because}.`)];
    }
    return [element("p", { class: "answer" }, words)];
  }

  #heatSwitch() {
    this.heatBox = null;
    if (this.answer.decision === REFUSED || !this.sources.slide.there) return [];
    if (!this.sources.model.there) return this.staysThere ? [] : [element("p", { class: "quiet" }, `No activation map: ${this.sources.model.told}.`)];
    this.heatBox = element("input", { type: "checkbox" });
    this.heatBox.checked = this.heat;
    this.heatBox.addEventListener("change", () => { this.heat = this.heatBox.checked; this.#explain(); });
    this.heatWords = element("span");
    return [element("p", { class: "checks quiet" }, element("label", {}, this.heatBox, this.heatWords))];
  }

  #chances() {
    const sorted = this.answer.probabilities.map((chance, place) => [chance, place]).sort((one, other) => other[0] - one[0]);
    this.buttons = new Map();
    return element("div", { class: "chances", role: "group", "aria-label": "Probabilities; choose one to see where the tile speaks for it" }, ...sorted.map(([chance, place]) => {
      const { code, name, color } = this.told.classes[place];
      const bar = element("span", { class: "track" }, element("i", { style: `width: ${100 * chance}%; background: ${color}` }));
      const button = element("button", { type: "button", title: name, "aria-pressed": "false" }, element("code", {}, code), bar, element("span", {}, percent(chance)));
      button.addEventListener("click", () => { this.explained = place; this.heat = true; if (this.heatBox) this.heatBox.checked = true; this.#explain(); });
      this.buttons.set(place, button);
      return button;
    }));
  }

  async #load() {
    const row = this.row;
    if (!this.sources.slide.there) {
      this.picture.replaceChildren(element("p", {}, "Its picture is on the slide, which is not there."));
      return;
    }
    try {
      const url = await askPicture(`${this.address}/tiles/${row}/picture`);
      if (row !== this.row) { URL.revokeObjectURL(url); return; }
      this.urls.push(url);
      this.picture.prepend(element("a", { href: url, download: `tile-${this.answer.rectangle[0]}-${this.answer.rectangle[1]}.jpg`, title: "Save it at full resolution" },
        element("img", { class: "tissue", src: url, alt: "The tile at full resolution" })));
      await this.#explain();
    } catch (error) {
      if (row === this.row) this.picture.replaceChildren(element("p", {}, error.message));
    }
  }

  async #explain() {
    this.buttons?.forEach((button, place) => button.setAttribute("aria-pressed", String(this.heat && this.heatBox !== null && place === this.explained)));
    this.picture.querySelector(".heat")?.remove();
    if (!this.heatBox) return;
    const { code } = this.told.classes[this.explained];
    this.heatWords.textContent = `Show where it speaks for ${code}`;
    if (!this.heat) return;
    const [row, place] = [this.row, this.explained];
    try {
      const url = await askPicture(`${this.address}/tiles/${row}/activation/${place}`);
      if (row !== this.row || place !== this.explained || !this.heat) { URL.revokeObjectURL(url); return; }
      this.urls.push(url);
      this.picture.querySelector(".heat")?.remove();
      this.picture.append(element("img", { class: "heat", src: url, alt: `Where the tile speaks for ${code}` }));
    } catch (error) {
      if (row === this.row) this.heatWords.textContent = `No activation map: ${error.message}`;
    }
  }

  #forget() {
    this.urls.forEach((url) => URL.revokeObjectURL(url));
    this.urls = [];
    this.buttons = undefined;
    this.heatBox = null;
  }
}

function percent(chance) {
  return chance > 0 && chance < 0.005 ? "< 1 %" : `${Math.round(100 * chance)} %`;
}
