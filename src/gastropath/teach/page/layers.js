// What Bokeh draws: the slide, the tiles over it, their codes, and the tile that is looked at. Down is negative.

const LEAST_FOR_WORDS = 44;  // pixels of the screen to a tile, from which on its code is written on it
const LEAST_SHARE = 0.6;  // of a tile that must lie on the slide for it
const HALF = 2;  // pictures are shown at half their size and less, so that they are sharp

// Pictures are asked for when they are seen: Bokeh would fetch those of the next zoom, forty for a view, of which few are
// ever looked at, and whoever drags the slide would wait for them.
function whatIsSeen(view) {
  return class extends view {
    _prefetch_tiles() {}
  };
}

// Sides of boxes of level 0, smaller by `inset` on each side, as Bokeh draws them.
function edges(boxes, inset) {
  return {
    left: boxes.map(([left]) => left + inset), right: boxes.map(([, , right]) => right - inset),
    top: boxes.map(([, top]) => -top - inset), bottom: boxes.map(([, , , bottom]) => -bottom + inset),
  };
}

function ndarray(array, shape) {
  return Bokeh.require("core/util/ndarray").ndarray(array.buffer, { dtype: "uint32", shape });
}

export class Layers {
  constructor(plot, answers) {
    this.plot = plot;
    this.answers = answers;
    this.tiles = answers.told.grid.has_gaps ? new Boxes(plot, answers) : new Grid(plot, answers);
    const everyBox = Array.from({ length: answers.length }, (_, row) => answers.box(row));
    const least = answers.told.grid.stride.map((step, axis) => LEAST_SHARE * Math.min(step, answers.told.grid.tile[axis]));
    this.roomy = everyBox.map(([left, top, right, bottom]) => right - left >= least[0] && bottom - top >= least[1]);
    this.words = new Bokeh.ColumnDataSource({ data: {
      x: everyBox.map(([left, , right]) => (left + right) / 2),
      y: everyBox.map(([, top, , bottom]) => -(top + bottom) / 2),
      text: everyBox.map(() => ""),
    } });
    this.written = plot.add_glyph(new Bokeh.Text({
      x: { field: "x" }, y: { field: "y" }, text: { field: "text" }, text_align: "center", text_baseline: "middle",
      text_font: "system-ui, sans-serif", text_font_size: "13px", text_font_style: "bold", text_color: "#11151a", text_outline_color: "#ffffff",
    }), this.words, { visible: false });
    this.chosen = new Bokeh.ColumnDataSource({ data: { left: [], right: [], top: [], bottom: [] } });
    const sides = { left: { field: "left" }, right: { field: "right" }, top: { field: "top" }, bottom: { field: "bottom" } };
    for (const [color, width] of [["#ffffff", 5], ["#11151a", 2]]) {
      plot.add_glyph(new Bokeh.Quad({ ...sides, fill_alpha: 0, line_color: color, line_width: width }), this.chosen);
    }
    this.slide = null;
    this.picked = this.#outlines({ fill_color: "#ffffff", fill_alpha: 0.35, line_color: "#11151a", line_width: 1 });
    this.#marks(plot, sides);
  }

  // Show the slide below the tiles.
  addSlide(address) {
    const { chunk_px, zooms } = this.answers.told;
    const side = chunk_px * 2 ** zooms;
    const source = new Bokeh.WMTSTileSource({
      url: `${address}/{Z}/{X}/{Y}`, min_zoom: 0, max_zoom: zooms, tile_size: chunk_px / HALF,
      initial_resolution: HALF * 2 ** zooms, x_origin_offset: 0, y_origin_offset: side, wrap_around: false,
    });
    this.slide = new Bokeh.TileRenderer({ tile_source: source });
    this.slide.default_view = whatIsSeen(this.slide.default_view);
    this.plot.renderers = [this.slide, ...this.plot.renderers];
  }

  paint(seen) {
    this.tiles.paint(seen.colours);
    this.unwritten = seen.colours;
    if (this.written.visible) this.#write();
  }

  #write() {
    const { x, y } = this.words.data, colours = this.unwritten;
    this.words.data = { x, y, text: Array.from(colours, (colour, row) => (colour && this.roomy[row] ? this.answers.word(row) : "")) };
    this.unwritten = null;
  }

  set opacity(share) { this.tiles.opacity = share; }

  // Codes are written only where there is room for them.
  adapt(zoom) {
    const visible = zoom * Math.min(...this.answers.told.grid.stride, ...this.answers.told.grid.tile) >= LEAST_FOR_WORDS;
    if (visible && this.unwritten) this.#write();
    if (this.written.visible !== visible) this.written.visible = visible;
  }

  // Outlines of labelled tiles: `labels` has row, colour and whether the tile checks the model.
  mark(labels) {
    const { stride, tile } = this.answers.told.grid, inset = 0.09 * Math.min(...stride, ...tile);
    for (const [source, isCheck] of [[this.labelled, false], [this.checking, true]]) {
      const own = labels.filter((label) => label.isCheck === isCheck), boxes = own.map(({ row }) => this.answers.box(row));
      source.data = { ...edges(boxes, inset), color: own.map(({ color }) => color) };
    }
  }

  pick(rows) { this.picked.data = edges(rows.map((row) => this.answers.box(row)), 0); }

  #outlines(look) {
    const source = new Bokeh.ColumnDataSource({ data: edges([], 0) });
    this.plot.add_glyph(new Bokeh.Quad({ left: { field: "left" }, right: { field: "right" }, top: { field: "top" }, bottom: { field: "bottom" }, ...look }), source);
    return source;
  }

  #marks(plot, sides) {
    [this.labelled, this.checking] = [[], [6, 4]].map((line_dash) => {
      const source = new Bokeh.ColumnDataSource({ data: { ...edges([], 0), color: [] } });
      plot.add_glyph(new Bokeh.Quad({ ...sides, fill_alpha: 0, line_color: "#ffffff", line_width: 5 }), source);
      plot.add_glyph(new Bokeh.Quad({ ...sides, fill_alpha: 0, line_color: "#11151a", line_width: 3.5, line_dash }), source);
      plot.add_glyph(new Bokeh.Quad({ ...sides, fill_alpha: 0, line_color: { field: "color" }, line_width: 2.2, line_dash }), source);
      return source;
    });
  }

  choose(row) {
    const [left, top, right, bottom] = row < 0 ? [] : this.answers.box(row);
    this.chosen.data = row < 0 ? { left: [], right: [], top: [], bottom: [] } : { left: [left], right: [right], top: [-top], bottom: [-bottom] };
  }
}

// Tiles that touch or overlap: a picture with a pixel for each, which is drawn at once however many there are. The last
// column and the last row, which the slide may cut off, are pictures of their own.
class Grid {
  constructor(plot, answers) {
    this.answers = answers;
    const { columns, rows, stride } = answers.told.grid;
    const [x, y] = [0, 1].map((axis) => stretches([columns, rows][axis], stride[axis], answers.margin(axis), answers.told.size_px[axis]));
    this.parts = y.flatMap((down) => x.map((across) => ({ across, down })));
    this.source = new Bokeh.ColumnDataSource({ data: this.#data(new Uint32Array(answers.length)) });
    this.glyph = new Bokeh.ImageRGBA({
      image: { field: "image" }, x: { field: "x" }, y: { field: "y" }, dw: { field: "dw" }, dh: { field: "dh" }, origin: "top_left", anchor: "top_left",
    });
    plot.add_glyph(this.glyph, this.source);
  }

  paint(colours) { this.source.data = this.#data(colours); }

  set opacity(share) { this.glyph.global_alpha = { value: share }; }

  #data(colours) {
    const { columns } = this.answers.told.grid;
    const image = this.parts.map(({ across, down }) => {
      const pixels = new Uint32Array(across.count * down.count);
      for (let line = 0; line < down.count; line++) {
        for (let place = 0; place < across.count; place++) {
          const row = this.answers.rowOf[(down.first + line) * columns + across.first + place];
          if (row >= 0) pixels[line * across.count + place] = colours[row];
        }
      }
      return ndarray(pixels, [down.count, across.count]);
    });
    return {
      image,
      x: this.parts.map(({ across }) => across.from), y: this.parts.map(({ down }) => -down.from),
      dw: this.parts.map(({ across }) => across.length), dh: this.parts.map(({ down }) => down.length),
    };
  }
}

function stretches(count, stride, margin, size) {
  const from = margin + (count - 1) * stride;
  const last = { first: count - 1, count: 1, from, length: Math.min(stride, size - from) };
  const before = { first: 0, count: count - 1, from: margin, length: (count - 1) * stride };
  return [before, last].filter((part) => part.count > 0 && part.length > 0);
}

// Tiles with gaps between them: a rectangle each.
class Boxes {
  constructor(plot, answers) {
    const boxes = Array.from({ length: answers.length }, (_, row) => answers.box(row));
    const [left, top, right, bottom] = [0, 1, 2, 3].map((edge) => boxes.map((box) => (edge % 2 ? -box[edge] : box[edge])));
    this.sides = { left, right, top, bottom };
    this.source = new Bokeh.ColumnDataSource({ data: { ...this.sides, color: left.map(() => "#00000000") } });
    this.glyph = new Bokeh.Quad({
      left: { field: "left" }, right: { field: "right" }, top: { field: "top" }, bottom: { field: "bottom" }, fill_color: { field: "color" }, line_color: null,
    });
    plot.add_glyph(this.glyph, this.source);
  }

  paint(colours) {
    const color = Array.from(colours, (packed) => {
      const [red, green, blue, opaque] = [0, 8, 16, 24].map((bits) => packed >>> bits & 255);
      return `rgb(${red} ${green} ${blue} / ${opaque / 255})`;
    });
    this.source.data = { ...this.sides, color };
  }

  set opacity(share) { this.glyph.fill_alpha = { value: share }; }
}
