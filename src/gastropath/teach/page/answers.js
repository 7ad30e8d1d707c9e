// The answers of a map: which of them are shown, in which colour, and what they add up to.

const KINDS = { uint32: Uint32Array, float32: Float32Array, int16: Int16Array, uint8: Uint8Array };

export const ACCEPTED = 0, ABSTAINED = 1, REFUSED = 2;
export const DECISIONS = ["accepted", "not sure", "refused"];
const REFUSED_COLOUR = "#9682aa";

// From no probability to all of it: lighter throughout, so that it also reads in grey, and less and less transparent.
const RAMP = ["#000004", "#0072b2", "#56b4e9", "#f0e442", "#fffadc"];
const opaque = (share) => 0.25 + 0.75 * Math.sqrt(share);
export const RAMP_CSS = `linear-gradient(90deg, ${RAMP.map((color, step) => color + hex(255 * opaque(step / (RAMP.length - 1)))).join(", ")})`;

const ROUNDING = 1e-6, PALE = 0.55;

export class Answers {
  // `told` is the description of the map, `buffer` its arrays one behind the other.
  constructor(told, buffer) {
    this.told = told;
    this.showsGuesses = false;  // whether a tile of whose class the model is not sure has its colour, paler
    this.renew(buffer);
    this.length = this.numbers.length;
    this.rowOf = new Int32Array(told.grid.columns * told.grid.rows).fill(-1);
    this.numbers.forEach((number, row) => { this.rowOf[number] = row; });
  }

  // The same tiles with other answers.
  renew(buffer) {
    let at = 0;
    for (const [name, kind, length] of this.told.arrays) {
      this[name] = new KINDS[kind](buffer, at, length);
      at += this[name].byteLength;
    }
  }

  probability(row, place) {
    return this.probabilities[row * this.told.classes.length + place];
  }

  // The row of the tile at a place of level 0, or -1.
  at(x, y) {
    const { columns, rows } = this.told.grid;
    const [column, row] = [x, y].map((value, axis) => this.#cell(value, axis));
    return column < 0 || row < 0 || column >= columns || row >= rows ? -1 : this.rowOf[row * columns + column];
  }

  // The row of the next tile in a direction, however far away, or -1.
  beside(row, right, down) {
    const { columns, rows } = this.told.grid;
    let column = this.numbers[row] % columns + right, line = Math.floor(this.numbers[row] / columns) + down;
    for (; column >= 0 && line >= 0 && column < columns && line < rows; column += right, line += down) {
      const found = this.rowOf[line * columns + column];
      if (found >= 0) return found;
    }
    return -1;
  }

  // Left, top, right and bottom in pixels of level 0 of what a tile stands for: of overlapping ones, the middle.
  box(row) {
    const { columns, tile, stride } = this.told.grid;
    const place = [this.numbers[row] % columns, Math.floor(this.numbers[row] / columns)];
    const first = place.map((n, axis) => n * stride[axis] + this.margin(axis));
    const last = first.map((edge, axis) => Math.min(edge + Math.min(tile[axis], stride[axis]), this.told.size_px[axis]));
    return [...first, ...last];
  }

  margin(axis) {
    const { tile, stride } = this.told.grid;
    return Math.max(0, (tile[axis] - stride[axis]) / 2);
  }

  // What is shown with these settings: a colour for each tile, and areas in mm².
  look({ hidden, decisions, least, most, heat }) {
    const { classes, abstained, mpp } = this.told;
    const plain = classes.map((entry) => packed(entry.color)), pale = classes.map((entry) => packed(entry.color, PALE));
    const [unsure, refused] = [packed(abstained.color), packed(REFUSED_COLOUR)];
    const mm2 = mpp[0] * mpp[1] / 1e6;
    const seen = { colours: new Uint32Array(this.length), shown: 0, areas: new Float64Array(classes.length), abstained: 0 };
    const ramp = heat < 0 ? [] : Array.from({ length: 256 }, (_, i) => onRamp(i / 255));
    for (let row = 0; row < this.length; row++) {
      const decision = this.decisions[row], label = this.labels[row];
      if (!decisions[decision]) continue;
      if (decision !== REFUSED) {
        const confidence = 100 * this.confidence[row];
        if (hidden.has(label) || confidence < least - ROUNDING || confidence > most + ROUNDING) continue;
      }
      seen.shown++;
      if (decision === REFUSED) seen.colours[row] = refused;
      else if (heat >= 0) seen.colours[row] = ramp[Math.round(255 * this.probability(row, heat))];
      else if (decision === ABSTAINED) seen.colours[row] = this.showsGuesses ? pale[label] : unsure;
      else seen.colours[row] = plain[label];
      if (decision === ACCEPTED) seen.areas[label] += this.areas[row] * mm2;
      else if (decision === ABSTAINED) seen.abstained += this.areas[row] * mm2;
    }
    return seen;
  }

  // What is written on a tile that is large enough: its code, with a question mark where the model is not sure.
  word(row) {
    if (this.decisions[row] === REFUSED) return "–";
    const { code } = this.told.classes[this.labels[row]];
    return this.decisions[row] === ABSTAINED ? `${code}?` : code;
  }

  #cell(value, axis) {
    const { tile, stride } = this.told.grid;
    const within = value - this.margin(axis), cell = Math.floor(within / stride[axis]);
    if (value < 0 || value >= this.told.size_px[axis]) return -1;
    if (within - cell * stride[axis] > tile[axis]) return -1;  // in the gap between two tiles
    return Math.max(0, cell);
  }
}

function hex(value) {
  return Math.round(value).toString(16).padStart(2, "0");
}

// "#rrggbb" as it lies in memory: red first.
function packed(color, share = 1) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  return (Math.round(255 * share) << 24 | blue << 16 | green << 8 | red) >>> 0;
}

function onRamp(share) {
  const step = Math.min(RAMP.length - 2, Math.floor(share * (RAMP.length - 1))), within = share * (RAMP.length - 1) - step;
  const mixed = [1, 3, 5].map((at) => {
    const [low, high] = [RAMP[step], RAMP[step + 1]].map((color) => parseInt(color.slice(at, at + 2), 16));
    return hex(low + (high - low) * within);
  });
  return packed(`#${mixed.join("")}`, opaque(share));
}
