// The place where a slide is seen: which part of it, and what of it lies under the mouse.

const NEAREST = 8;  // pixels of the screen to one of the slide
const FARTHEST = 4;  // times the whole slide
const STEP = 1.4, MOVE = 0.15;
const NICE = [1, 2, 5];

export class Stage {
  // `changed` is called after each move, `pointed` with the place under the mouse or null, `clicked` with a place, `drawn`
  // with a function that tells whether a place lies in what was drawn around.
  constructor(host, { changed, pointed, clicked, drawn = () => {} }) {
    this.host = host;
    this.listeners = { changed, pointed, clicked, drawn };
    this.size = [1, 1];
    this.x = new Bokeh.Range1d({ start: 0, end: 1 });
    this.y = new Bokeh.Range1d({ start: -1, end: 0 });
    this.plot = new Bokeh.Plot({
      x_range: this.x, y_range: this.y, sizing_mode: "stretch_both", toolbar_location: null, min_border: 0, outline_line_color: null,
      background_fill_color: null, border_fill_color: null, lod_threshold: null, output_backend: "canvas",
    });
    const wheel = new Bokeh.WheelZoomTool({ zoom_on_axis: false });
    const only = { renderers: [], continuous: false };  // what is drawn around is told, and nothing of Bokeh's selected
    this.pens = { move: new Bokeh.PanTool(), box: new Bokeh.BoxSelectTool(only), lasso: new Bokeh.LassoSelectTool(only) };
    this.plot.add_tools(...Object.values(this.pens), wheel);
    this.plot.toolbar.active_scroll = wheel;
    this.plot.toolbar.active_drag = this.pens.move;
    this.plot.on_event("selectiongeometry", ({ geometry, final }) => { if (final) this.listeners.drawn(within(geometry)); });
    for (const range of [this.x, this.y]) range.change.connect(() => this.#moved());
    this.pending = false;
    this.seen = null;
  }

  async show() {
    this.view = await Bokeh.Plotting.show(this.plot, this.host);
    this.seen = this.frame;
    new ResizeObserver(() => setTimeout(() => this.#fit(), 150)).observe(this.host);
    this.host.addEventListener("pointermove", (event) => this.listeners.pointed(this.#under(event)));
    this.host.addEventListener("pointerleave", () => this.listeners.pointed(null));
    this.#listenForClicks();
  }

  // Width and height of what is drawn on, in whole pixels of the screen.
  get frame() {
    const { width, height } = this.view.frame.bbox;
    return [width, height];
  }

  // Centre in pixels of level 0, and pixels of the screen to one of the slide.
  get place() {
    const { start, end } = this.x;
    return { x: (start + end) / 2, y: -(this.y.start + this.y.end) / 2, zoom: this.frame[0] / (end - start) };
  }

  go({ x, y, zoom }) {
    const nearest = Math.max(NEAREST, this.whole.zoom), within = Math.min(nearest, Math.max(this.whole.zoom / FARTHEST, zoom));
    const [width, height] = this.frame.map((px) => px / within);
    this.x.setv({ start: x - width / 2, end: x + width / 2 });
    this.y.setv({ start: -y - height / 2, end: -y + height / 2 });
  }

  get whole() {
    const [width, height] = this.size;
    const zoom = 0.94 * Math.min(this.frame[0] / width, this.frame[1] / height);
    return { x: width / 2, y: height / 2, zoom };
  }

  nearer(times = STEP) { const { x, y, zoom } = this.place; this.go({ x, y, zoom: zoom * times }); }
  farther() { this.nearer(1 / STEP); }

  move(right, down) {
    const { x, y, zoom } = this.place;
    this.go({ x: x + right * MOVE * this.frame[0] / zoom, y: y + down * MOVE * this.frame[1] / zoom, zoom });
  }

  // Move as little as needed until a box of level 0 is seen.
  reveal([left, top, right, bottom]) {
    const { x, y, zoom } = this.place;
    const [across, down] = this.frame.map((px) => px / zoom / 2 * 0.9);
    const nearest = (middle, low, high, half) => (low < middle - half || high > middle + half ? (low + high) / 2 : middle);
    const to = { x: nearest(x, left, right, across), y: nearest(y, top, bottom, down), zoom };
    if (to.x !== x || to.y !== y) this.go(to);
  }

  limit(size) {
    this.size = size;
    const nearest = Math.max(NEAREST, this.whole.zoom), farthest = this.whole.zoom / FARTHEST;
    [this.x, this.y].forEach((range, axis) => range.setv({ min_interval: this.frame[axis] / nearest, max_interval: this.frame[axis] / farthest }));
  }

  // A length that is a round number of micrometres, and how long it is on the screen.
  bar(umPerPx, most) {
    const umPerScreen = umPerPx / this.place.zoom;
    let best = 0;
    for (let power = -1; power < 6; power++) {
      for (const digit of NICE) {
        const um = digit * 10 ** power;
        if (um / umPerScreen <= most) best = Math.max(best, um);
      }
    }
    return { text: best >= 1000 ? `${best / 1000} mm` : `${best} µm`, px: best / umPerScreen };
  }

  // What a drag does: "move" the slide, or draw a "box" or a "lasso" around tiles.
  draw(pen) { this.plot.toolbar.active_drag = this.pens[pen]; }

  // What is seen, as a canvas of the screen's own pixels.
  picture() { return this.view.export("png", true).canvas; }

  #moved() {
    if (this.pending || !this.seen) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.#fit();
      this.listeners.changed();
    });
  }

  // Keep centre and zoom when the window has changed: Bokeh's tile renderer then changes the ranges at its next drawing.
  #fit() {
    const [width, height] = this.frame;
    if (!width || !height) return;
    if (width === this.seen[0] && height === this.seen[1]) {
      this.kept = this.place;
      return;
    }
    const { kept } = this;
    this.seen = [width, height];
    this.limit(this.size);
    if (!kept) return;
    this.go(kept);
    setTimeout(() => this.go(kept), 150);
  }

  #under(event) {
    const { left, top } = this.host.getBoundingClientRect();
    const x = this.x.start + (event.clientX - left) / this.frame[0] * (this.x.end - this.x.start);
    const y = -(this.y.end - (event.clientY - top) / this.frame[1] * (this.y.end - this.y.start));
    return { x, y };
  }

  #listenForClicks() {
    let from = null, far = 0;
    this.host.addEventListener("pointerdown", (event) => { [from, far] = [[event.clientX, event.clientY], 0]; }, true);
    this.host.addEventListener("pointermove", (event) => {
      if (from) far = Math.max(far, Math.hypot(event.clientX - from[0], event.clientY - from[1]));
    }, true);
    this.host.addEventListener("click", (event) => {
      if (far < 5) this.listeners.clicked(this.#under(event));  // a lasso may end where it began
      from = null;
    });
  }
}

// Whether a place of level 0 lies within what Bokeh says was drawn, in its coordinates.
function within(geometry) {
  if (geometry.type === "rect") {
    const { x0, x1, y0, y1 } = geometry;
    return ({ x, y }) => x >= Math.min(x0, x1) && x <= Math.max(x0, x1) && -y >= Math.min(y0, y1) && -y <= Math.max(y0, y1);
  }
  const [xs, ys] = [Array.from(geometry.x ?? []), Array.from(geometry.y ?? [])];
  return ({ x, y }) => {
    let inside = false;
    for (let i = 0, j = xs.length - 1; i < xs.length; j = i++) {
      if (ys[i] > -y !== ys[j] > -y && x < (xs[j] - xs[i]) * (-y - ys[i]) / (ys[j] - ys[i]) + xs[i]) inside = !inside;
    }
    return inside;
  };
}
