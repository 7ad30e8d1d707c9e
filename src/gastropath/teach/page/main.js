// The page: it asks for a map, draws it, and keeps what is set, what is seen and the address in step.

import { asked, query } from "./address.js";
import { Answers } from "./answers.js";
import { askBytes, askJson } from "./asking.js";
import { listen } from "./keys.js";
import { Layers } from "./layers.js";
import { Lesson } from "./lesson.js";
import { Panel, element } from "./panel.js";
import { framed, save } from "./picture.js";
import { Stage } from "./stage.js";
import { TileView } from "./tile.js";

const at = (id) => document.getElementById(id);
const ADDRESS_MS = 250, TOLD_MS = 6000, BAR_PX = 160;

function state(text, kind = "") {
  at("state").textContent = text;
  at("state").className = kind;
}

let silence;
function tell(text) {
  clearTimeout(silence);
  at("told").textContent = text;
  at("told").hidden = !text;
  silence = setTimeout(() => { at("told").hidden = true; }, TOLD_MS);
}

class Page {
  async open() {
    state("Reading the map …", "busy");
    this.contents = await askJson("maps");
    if (this.contents.teaches) await this.#mapped();
    const { names } = this.contents;
    at("slides").replaceChildren(...names.map((name, number) => element("option", { value: number }, name)));
    this.given = asked();
    this.number = this.given.slide === null ? 0 : names.indexOf(this.given.slide);
    if (this.number < 0) throw new Error(`There is no map ${this.given.slide}; choose one above.`);
    at("slides").value = this.number;
    this.address = `maps/${this.number}`;
    const [told, buffer] = await Promise.all([askJson(this.address), askBytes(`${this.address}/answers`)]);
    this.answers = new Answers(told, buffer);
    this.codes = told.classes.map(({ code }) => code);
    this.settings = this.given.settings(this.codes);
    document.title = `${told.name} – GastroPath`;
    await this.#draw(told);
    await this.#findSlide(told);
  }

  // Wait until the slides of a lesson are mapped.
  async #mapped() {
    for (;;) {
      const { state: now, what, done, total, news } = await askJson("lesson");
      if (now !== "mapping") break;
      state(`Mapping the slides: ${what}${total ? `, ${done} of ${total}` : ""} …`, "busy");
      await askJson(`news/${news}`);
    }
    this.contents = await askJson("maps");
  }

  async #draw(told) {
    this.stage = new Stage(at("stage"), {
      changed: () => this.#moved(), pointed: (place) => this.#point(place), clicked: (place) => this.#click(place), drawn: (isInside) => this.lesson?.drawn(isInside),
    });
    this.layers = new Layers(this.stage.plot, this.answers);
    this.panel = new Panel(this.answers, this.settings, () => this.changed());
    this.sources = { slide: { there: false, told: "" }, model: told.activation };
    this.tile = new TileView(at("tile"), this.address, told, this.sources, () => this.choose(-1));
    this.#drawNotes(told);
    this.changed();
    await this.stage.show();
    this.stage.limit(told.size_px);
    this.stage.go(this.given.place ?? this.stage.whole);
    if (this.contents.teaches) {
      this.lesson = new Lesson(this, tell);
      await this.lesson.begin();
    }
  }

  #click({ x, y }) {
    this.lesson?.wander();
    this.choose(this.answers.at(x, y));
  }

  async #findSlide(told) {
    if (this.answers.length) state("");
    const found = await askJson(`${this.address}/slide`);
    Object.assign(this.sources.slide, found);
    const place = this.stage.place;
    if (found.there) this.layers.addSlide(`${this.address}/chunks`);
    else tell(`The map alone is shown: ${found.told}.`);
    this.#drawNotes(told);
    this.stage.go(place);
    const row = this.settings.tile < 0 ? -1 : this.answers.rowOf[this.settings.tile] ?? -1;
    if (row >= 0) this.choose(row);
  }

  #drawNotes(told) {
    const { slide, model } = this.sources;
    const where = this.contents.teaches ? ", which is taught here" : model.there ? "" : " (not found here)";
    const notices = [...told.notices, ...(slide.told ? [`The map alone is shown: ${slide.told}.`] : [])];
    at("notes").replaceChildren(
      ...notices.map((notice) => element("p", { class: "notice" }, notice)),
      element("p", {}, `Slide ${told.slide}; model ${told.model}${where}.`),
      element("p", {}, this.contents.note),
    );
  }

  // After the settings were changed, here or in the panel.
  changed() {
    const seen = this.answers.look(this.settings);
    this.layers.paint(seen);
    this.layers.opacity = this.settings.map ? this.settings.opacity / 100 : 0;
    this.layers.written.glyph.text_alpha = { value: this.settings.map ? 1 : 0 };
    this.panel.refresh();
    this.panel.count(seen);
    if (!this.answers.length) state("No tile of this slide was classified: look at tissue.png beside the map, or map it again with --no-mask.");
    else state(this.answers.length && !seen.shown ? "No tile is as the filter asks for." : "");
    this.#write();
  }

  choose(row) {
    this.settings.tile = row < 0 ? -1 : this.answers.numbers[row];
    this.layers.choose(row);
    if (row < 0) this.tile.close();
    else this.tile.open(row).catch((error) => tell(error.message));
    this.lesson?.chosen();
    this.#write();
  }

  #moved() {
    const { told } = this.answers;
    this.layers.adapt(this.stage.place.zoom);
    const { text, px } = this.stage.bar(told.mpp[0], BAR_PX);
    at("bar").dataset.ready = "";
    at("bar").firstElementChild.textContent = text;
    at("bar").lastElementChild.style.width = `${px}px`;
    this.#write();
  }

  #point(place) {
    const inside = place && [place.x, place.y].every((value, axis) => value >= 0 && value < this.answers.told.size_px[axis]);
    const row = inside && !this.lesson?.isBlind ? this.answers.at(place.x, place.y) : -1;
    at("under").textContent = row < 0 ? "" : `${this.answers.word(row)} ${this.answers.confidence[row] >= 0 ? `${Math.round(100 * this.answers.confidence[row])} %` : ""}`;
    at("where").textContent = inside ? this.#coordinates(place) : "";
  }

  #coordinates({ x, y }) {
    const { mpp } = this.answers.told;
    const [px, py] = [x, y].map((value) => Math.floor(value).toLocaleString("en"));
    return `x ${px}, y ${py} px · ${(x * mpp[0] / 1000).toFixed(2)}, ${(y * mpp[1] / 1000).toFixed(2)} mm`;
  }

  #write() {
    clearTimeout(this.writing);
    this.writing = setTimeout(() => history.replaceState(null, "", this.#query()), ADDRESS_MS);
  }

  #query() {
    return query(this.contents.names[this.number], this.stage.place, this.settings, this.codes);
  }

  async copyLink() {
    const link = new URL(this.#query(), location.href).href;
    try {
      await navigator.clipboard.writeText(link);
      tell("The link is copied. It leads back here on this computer, while the command runs on this port.");
    } catch {
      tell(link);
    }
  }

  savePicture() {
    const { told } = this.answers;
    const seen = this.answers.look(this.settings);
    const { heat } = this.settings;
    const lines = heat >= 0 ? [] : told.classes.map(({ code, name, color }, place) => ({
      color, text: name === code ? code : `${code}  ${name}`, figure: `${seen.areas[place].toFixed(2)} mm²`,
    })).filter((_, place) => !this.settings.hidden.has(place));
    if (heat < 0 && this.settings.decisions[1]) lines.push({ color: told.abstained.color, text: told.abstained.name, figure: `${seen.abstained.toFixed(2)} mm²` });
    const view = this.stage.picture();
    const page = framed({
      canvas: view, ratio: view.width / this.stage.frame[0], lines, bar: this.stage.bar(told.mpp[0], BAR_PX), title: told.slide,
      notes: [...(heat >= 0 ? [`Probability of ${this.codes[heat]}, from dark (0) to pale (1).`] : []), ...told.notices, `Model: ${told.model}. Areas are of tiles, not of cells, and of the whole slide.`, this.contents.note],
    });
    save(page, `${told.name.replaceAll("/", "-")}.png`);
  }

  go(step) {
    const { names } = this.contents, number = this.number + step;
    if (number >= 0 && number < names.length) openSlide(names[number]);
  }

  arrow(right, down, withShift) {
    if (withShift === Boolean(this.lesson)) { this.stage.move(right, down); return; }
    const row = this.tile.row < 0 ? this.#inMiddle() : this.answers.beside(this.tile.row, right, down);
    if (row < 0) return;
    this.lesson?.wander();
    this.choose(row);
    this.stage.reveal(this.answers.box(row));
  }

  digit(place) {
    if (this.lesson) { this.lesson.give(place); return; }
    const { hidden } = this.settings;
    if (place >= this.codes.length) return;
    if (!hidden.delete(place)) hidden.add(place);
    this.changed();
  }

  set(changes) { Object.assign(this.settings, changes); this.changed(); }

  nextHeat() { this.set({ heat: this.settings.heat + 1 < this.codes.length ? this.settings.heat + 1 : -1 }); }

  fade(by) { this.set({ opacity: Math.min(100, Math.max(0, this.settings.opacity + by)) }); }

  openMiddle() {
    const row = this.#inMiddle();
    if (row < 0) tell("There is no tile in the middle."); else this.choose(row);
  }

  #inMiddle() { const { x, y } = this.stage.place; return this.answers.at(x, y); }
}

function openSlide(name) {
  location.search = `?${new URLSearchParams({ slide: name })}`;
}

function turnTheme() {
  const dark = document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  document.documentElement.dataset.theme = dark === "dark" ? "light" : "dark";
  localStorage.setItem("theme", document.documentElement.dataset.theme);
}

// Keys of a lesson, some in place of those for looking.
function pencil(lesson) {
  return {
    u: () => lesson.turn("undo"), r: () => lesson.turn("redo"), s: () => lesson.suggest(), g: () => lesson.nextChanged(),
    c: () => (lesson.mode === "check" ? lesson.leave() : lesson.check()), 0: () => lesson.give(-1), Backspace: () => lesson.give(-1), Delete: () => lesson.give(-1),
    m: () => (lesson.mode === "check" ? lesson.leave() : page.set({ map: !page.settings.map })),  // whoever sees the map checks nothing
    v: () => lesson.take("move"), b: () => lesson.take("box"), o: () => lesson.take("lasso"),
    Escape: () => { lesson.take("move"); lesson.wander(); page.choose(-1); },
  };
}

const page = new Page();
const theme = localStorage.getItem("theme");
if (theme) document.documentElement.dataset.theme = theme;
at("slides").onchange = () => openSlide(page.contents.names[Number(at("slides").value)]);
at("help").onclick = () => at("keys").showModal();
page.open().then(() => {
  at("fit").onclick = () => page.stage.go(page.stage.whole);
  at("link").onclick = () => page.copyLink();
  at("save").onclick = () => page.savePicture();
  at("nearer").onclick = () => page.stage.nearer();
  at("farther").onclick = () => page.stage.farther();
  listen({
    arrow: (...how) => page.arrow(...how),
    digit: (place) => page.digit(place),
    keys: {
      "+": () => page.stage.nearer(), "=": () => page.stage.nearer(), "-": () => page.stage.farther(),
      f: () => page.stage.go(page.stage.whole), Enter: () => page.openMiddle(), Escape: () => page.choose(-1),
      m: () => page.set({ map: !page.settings.map }), "[": () => page.fade(-5), "]": () => page.fade(5),
      h: () => page.nextHeat(), a: () => page.tile.toggleHeat(), n: () => page.go(1), p: () => page.go(-1),
      l: () => page.copyLink(), s: () => page.savePicture(), d: turnTheme, "?": () => at("keys").showModal(),
      ...(page.lesson ? pencil(page.lesson) : {}),
    },
  });
  document.body.dataset.ready = "";
}).catch((error) => state(error.message, "wrong"));
