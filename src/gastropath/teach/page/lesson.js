// The pencil: labels are given here, and the map is drawn anew when the model has learned from them.

import { REFUSED } from "./answers.js";
import { askBytes, askJson, sendJson } from "./asking.js";
import { Grades } from "./grades.js";
import { count, element } from "./panel.js";
import { Seal } from "./seal.js";

const at = (id) => document.getElementById(id);
const MOST_TILES = 2000, AGAIN_MS = 1500, MOST_LISTED = 60;

export class Lesson {
  constructor(page, tell) {
    Object.assign(this, { page, tell, number: page.number, picked: [], given: new Map(), waiting: [], mode: "free", hadMap: true, version: -1, revision: -1, step: 0 });
    this.grades = new Grades(page.answers.told.classes, (place) => this.give(place));
    this.seal = new Seal(() => this.state, tell);
    page.answers.showsGuesses = true;
    page.tile.staysThere = true;
    at("lesson").hidden = at("differs").hidden = false;
    document.body.classList.add("teaches");
    for (const pen of ["move", "box", "lasso"]) at(pen).onclick = () => this.take(pen);
    at("undo").onclick = () => this.turn("undo");
    at("redo").onclick = () => this.turn("redo");
    at("suggest").onclick = () => this.suggest();
    at("check").onclick = () => (this.mode === "check" ? this.leave() : this.check());
    at("seal").onclick = () => this.seal.ask();
  }

  // Go on where the lesson was left, and listen for what changes.
  async begin() {
    this.before = new Int16Array(await askBytes(`${this.page.address}/before`));
    await this.#news();
    if (new URLSearchParams(location.search).has("check")) {
      this.mode = "check";  // the map is hidden already: the page was opened anew for a tile of this slide
      await this.check();
    }
    this.#listen();
  }

  // Whether the answer for the tile is seen by who labels it.
  get isBlind() { return this.mode === "check" || !this.page.settings.map || this.page.settings.opacity === 0; }

  async give(place) {
    const { page } = this, code = place < 0 ? "" : page.codes[place];
    if (code === undefined) return;
    const rows = this.picked.length ? this.picked : page.tile.row < 0 ? [] : [page.tile.row];
    if (!rows.length) { this.tell("Choose a tile first: click on one, or press Enter for the one in the middle."); return; }
    const source = this.mode === "check" ? "check" : this.isBlind && this.mode !== "suggest" ? "own" : "suggested";
    const tiles = rows.map((row) => page.answers.numbers[row]);
    const known = this.state.revision, { step } = this;
    try {
      const taken = await sendJson(`${page.address}/label`, { tiles, label: code, source });
      if (taken.kept) this.tell(`${count(taken.kept, "tile checks the model and keeps its label", "tiles check the model and keep their labels")}.`);
      this.#note(rows.filter((row) => this.given.get(row)?.source !== "check" || rows.length === 1), place, source);
      if (this.state.revision === known) this.grades.wait();
      this.pick([]);
      if (step === this.step) await this.#next(rows[0], place);
    } catch (error) {
      this.tell(error.message);
      if (source === "check") await this.check();  // another window may have labelled it
    }
  }

  async turn(kind) {
    try {
      await sendJson("lesson/turn", { kind, revision: this.state.revision });
      await this.#news();
    } catch (error) {
      this.tell(error.message);
    }
  }

  // Go to the tile whose label would teach most; each call goes on to the next.
  async suggest() {
    if (this.mode === "check") this.leave();
    this.mode = "suggest";
    const step = ++this.step;  // whatever is begun meanwhile goes first
    if (!this.waiting.length) this.waiting = await askJson(`${this.page.address}/suggested`);
    if (step !== this.step) return;
    while (this.waiting.length) {
      const row = this.page.answers.rowOf[this.waiting.shift()];
      if (row >= 0 && !this.given.has(row)) { this.#go(row); this.#show(); return; }
    }
    this.mode = "free";
    this.tell("Every tile of this slide has a label.");
  }

  // Tiles are drawn at random, and their answers hidden until they are labelled.
  async check() {
    const step = ++this.step;
    const { map, name, tile } = await askJson("lesson/check");
    if (step !== this.step) return;
    if (map === null) { this.leave(); this.tell("There is no tile left to check."); return; }
    if (map !== this.number) { location.search = `?${new URLSearchParams({ slide: name, check: "", map: "off" })}`; return; }
    if (this.mode !== "check") this.hadMap = this.page.settings.map;
    this.mode = "check";
    at("under").textContent = "";
    this.page.set({ map: false });
    this.#go(this.page.answers.rowOf[tile]);
    this.#show();
  }

  leave() {
    if (this.mode === "check") this.page.set({ map: this.hadMap });
    this.mode = "free";
    this.step++;
    this.#show();
  }

  // A tile was chosen by mouse or arrow: suggestions and checks are over.
  wander() {
    if (this.mode !== "free") this.leave();
    this.pick([]);
  }

  // Another tile is looked at, or another thing is shown of it.
  chosen() { this.#show(); }

  take(pen) {
    if (this.mode === "check") this.leave();
    this.page.stage.draw(pen);
    for (const name of ["move", "box", "lasso"]) at(name).setAttribute("aria-pressed", String(name === pen));
  }

  drawn(isInside) {
    const { answers } = this.page, rows = [];
    for (let row = 0; row < answers.length; row++) {
      const [left, top, right, bottom] = answers.box(row);
      if (answers.decisions[row] !== REFUSED && isInside({ x: (left + right) / 2, y: (top + bottom) / 2 })) rows.push(row);
    }
    if (rows.length > MOST_TILES) { this.tell(`${rows.length.toLocaleString("en")} tiles are more than can be labelled at a time (${MOST_TILES.toLocaleString("en")}).`); return; }
    if (this.mode !== "free") this.leave();
    this.pick(rows);
  }

  pick(rows) {
    this.picked = rows;
    this.page.layers.pick(rows);
    this.#show();
  }

  nextChanged() {
    const { tile } = this.page;
    const next = this.changed.find((row) => row > tile.row) ?? this.changed[0];
    if (next === undefined) this.tell("The model answers every tile as before."); else { this.wander(); this.#go(next); }
  }

  #go(row) {
    this.page.choose(row);
    this.page.stage.reveal(this.page.answers.box(row));
  }

  async #next(row, place) {
    if (this.mode === "suggest") {
      await this.suggest();
    } else if (this.mode === "check") {
      const { answers, codes } = this.page;
      if (place >= 0) this.tell(answers.labels[row] === place ? `The model says ${codes[place]} too.` : `You say ${codes[place]}; the model says ${answers.word(row)}.`);
      await this.check();
    }
  }

  #note(rows, place, source) {
    for (const row of rows) if (place < 0) this.given.delete(row); else this.given.set(row, { place, source });
    this.#mark();
  }

  #mark() {
    const { classes } = this.page.answers.told;
    this.page.layers.mark([...this.given].map(([row, { place, source }]) => ({ row, color: classes[place].color, isCheck: source === "check" })));
    this.#show();
  }

  async #listen() {
    for (;;) {
      try {
        const { news } = await askJson(`news/${this.state.news}`);
        if (news !== this.state.news) await this.#news();
      } catch (error) {
        this.tell(error.message);
        await new Promise((done) => { setTimeout(done, AGAIN_MS); });
      }
    }
  }

  async #news() {
    const state = await askJson("lesson");
    if (this.state && state.news < this.state.news) return;
    this.state = state;
    await Promise.all([
      state.revision === this.revision || this.#readLabels(state.revision), state.version === this.version || this.#readAnswers(state.version),
    ]);
    this.grades.show(state);
    this.seal.show(state);
    this.#show();
  }

  async #readLabels(revision) {
    const labels = await askJson(`${this.page.address}/labels`);
    this.revision = revision;
    this.given = new Map(labels.map(([tile, place, source]) => [this.page.answers.rowOf[tile], { place, source }]));
    this.#mark();
  }

  async #readAnswers(version) {
    const { page } = this;
    page.answers.renew(await askBytes(`${page.address}/answers`));
    this.version = version;
    this.waiting = [];
    const { labels } = page.answers;
    this.changed = Array.from(labels.keys()).filter((row) => labels[row] >= 0 && labels[row] !== this.before[row]);
    page.changed();
    this.#listChanged();
    document.body.dataset.version = version;
    await page.tile.renew();
  }

  #listChanged() {
    const { answers, codes } = this.page, most = this.changed.slice(0, MOST_LISTED);
    const rest = this.changed.length - most.length;
    at("changed").textContent = `${this.changed.length.toLocaleString("en")} of ${answers.length.toLocaleString("en")}`;
    at("differs").querySelector("ol").replaceChildren(...most.map((row) => {
      const was = this.before[row] < 0 ? "–" : codes[this.before[row]];
      const button = element("button", { type: "button" }, `${was} → ${answers.word(row)}`, element("span", {}, `${Math.round(100 * answers.confidence[row])} %`));
      button.addEventListener("click", () => { this.wander(); this.#go(row); });
      return element("li", {}, button);
    }), ...(rest ? [element("li", {}, `and ${rest.toLocaleString("en")} more; g goes through all`)] : []));
  }

  #show() {
    const { page, state } = this;
    if (!state) return;
    page.tile.isHidden = this.isBlind;
    at("undo").disabled = !state.undo;
    at("redo").disabled = !state.redo;
    at("check").setAttribute("aria-pressed", String(this.mode === "check"));
    at("suggest").setAttribute("aria-pressed", String(this.mode === "suggest"));
    const one = this.given.get(page.tile.row), { classes } = page.answers.told;
    const words = {
      check: "Drawn at random: its answer is hidden, and the model never learns from it.",
      suggest: "Suggested. s passes it over.",
      free: this.isBlind ? "The map is hidden: labels are your own." : "The answer is in view, and labels are kept as such; m hides it.",
    }[this.mode];
    const what = this.picked.length ? `${count(this.picked.length, "tile is", "tiles are")} chosen. ` : one ? `This tile is labelled ${classes[one.place].code}${one.source === "check" ? " to check" : ""}. ` : "";
    at("hint").textContent = `${what}${words}`;
    this.grades.mark(one?.place ?? -1);
  }
}
