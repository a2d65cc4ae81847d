// All channels of a layer as one canvas. Order, colours, scale, zoom and reading of values live
// here; Python only hears which unit of which channel was clicked.

const GAP = 2; // px between maps
const SIZES = [8, 12, 18, 26, 36, 48, 64, 96, 128]; // px of a map on the screen
const CHOSEN = "vgg-viz:channel-chosen"; // unit_map tells which channel is chosen
const ASK = "vgg-viz:channel-asked"; // and is asked by a grid that came later
const WANTED = "vgg-viz:layer-wanted"; // layer_strip: a click on a layer
const SEEN = 24; // frames kept, of at most 0.45 MB each

export default (component) => mount(component, ChannelGrid);

class ChannelGrid {
  constructor(root) {
    const find = (name) => root.querySelector(name);
    this.title = find(".title");
    this.sort = find(".sort");
    this.each = find("input");
    this.less = find(".less");
    this.more = find(".more");
    this.box = find(".box");
    this.canvas = find(".grid");
    this.ring = find(".ring");
    this.hover = find(".hover");
    this.bar = find(".bar");
    this.low = find(".low");
    this.high = find(".high");
    this.kind = find(".kind");
    this.readout = find(".readout");
    this.live = find(".live");
    this.over = null; // {cell, row, column} under the pointer
    this.active = 0; // the cell arrow keys stand on
    this.chosen = null; // channel
    this.by = "mean"; // order
    this.canvas.onpointermove = (event) => this.point(this.unitAt(event));
    this.canvas.onpointerleave = () => this.point(null);
    this.canvas.onclick = (event) => this.choose(this.unitAt(event));
    this.canvas.onkeydown = (event) => this.onKey(event);
    this.canvas.onblur = () => this.point(null);
    this.sort.onchange = () => { this.by = this.sort.value; this.arrange(); this.draw(); };
    this.each.onchange = () => this.draw();
    this.less.onclick = () => this.zoom(-1);
    this.more.onclick = () => this.zoom(1);
    this.onChosen = (event) => this.follow(event.detail);
    this.seen = new Map(); // "view | place of the click | layer" -> frame, the oldest first
    this.onWanted = (event) => this.want(event);
    this.observer = new ResizeObserver(() => this.header && this.layout());
  }

  open() {
    document.addEventListener(CHOSEN, this.onChosen);
    document.addEventListener(WANTED, this.onWanted);
    this.observer.observe(this.box);
  }

  close() {
    document.removeEventListener(CHOSEN, this.onChosen);
    document.removeEventListener(WANTED, this.onWanted);
    this.observer.disconnect();
  }

  // --- what Python sends, and what was seen before --------------------------------------------

  show(data) {
    if (this.wanted && data !== this.answer) this.keep(data);
    this.answer = data;
    this.render(data);
  }

  // The answer to the last click, unless something else changed meanwhile.
  keep(data) {
    const { key, view, place, layer } = this.wanted, { header } = readFrame(data);
    this.wanted = null;
    if (header.view !== view || (header.place === place && header.layer !== layer)) return;
    this.seen.delete(key);
    this.seen.set(key, data);
    if (this.seen.size > SEEN) this.seen.delete(this.seen.keys().next().value);
  }

  want(event) {
    if (!this.header) return;
    const { place, layer, orders } = event.detail, { view } = this.header;
    orders[this.header.place] = this.by;
    this.wanted = { key: `${view}|${place}|${layer}`, view, place, layer };
    const data = this.seen.get(this.wanted.key);
    if (!data) return;
    event.preventDefault();
    this.render(data);
  }

  render(data) {
    if (data === this.shown || (this.shown && sameBytes(data, this.shown))) return;
    this.shown = data;
    const { header, parts } = readFrame(data);
    const before = this.header;
    const another = !before || ["network", "layer"].some((name) => before[name] !== header[name]);
    this.header = header;
    this.maps = parts.maps;
    this.colours = header.signed ? parts.diverging : parts.colours;
    this.count = header.lows.length;
    this.order ??= [];
    if (another) {
      this.over = null;
      this.active = 0;
      this.chosen = this.similarities = null;
      this.size = null;
      this.box.scrollTop = 0;
    }
    const what = header.units > 1 ? "channels" : "units";
    setText(this.title, `All ${this.count} ${what} of ${header.layer} ${header.when}`);
    this.choices();
    this.arrange();
    this.columns = 0;
    this.layout();
    document.dispatchEvent(new CustomEvent(ASK, { detail: header.place }));
  }

  follow({ place, network, layer, channel, similarities, order }) {
    const { header } = this;
    if (!header || place !== header.place || layer !== header.layer || network !== header.network) return;
    this.chosen = channel;
    this.similarities = similarities;
    const told = order !== this.told; // by a link, or on the way back to it
    if (told) this.by = this.told = order;
    this.choices();
    if (told || this.by === "similarity") {
      this.arrange();
      this.draw();
    }
    this.mark();
  }

  // --- order ----------------------------------------------------------------------------------

  choices() {
    const like = this.chosen === null ? "similarity" : `similarity to ${this.chosen}`;
    const names = {
      channel: "channel number", mean: "mean", max: "largest value", sparsity: "fewest zeros",
      score: `speaks for ${this.header.target}`, similarity: like,
    };
    if (this.sort.options.length === 0) {
      this.sort.append(...Object.keys(names).map((value) => new Option(names[value], value)));
    }
    for (const option of this.sort.options) setText(option, names[option.value]);
    this.sort.value = this.by;
  }

  arrange() {
    const { header } = this;
    const numbers = {
      mean: header.means, max: header.maxima, sparsity: header.zeros.map((share) => -share),
      score: header.scores, similarity: this.similarities,
    }[this.by];
    this.order = Array.from({ length: this.count }, (_, i) => i);
    if (numbers) this.order.sort((a, b) => numbers[b] - numbers[a] || a - b);
    this.active = Math.max(0, this.order.indexOf(this.chosen));
  }

  // --- layout and colours ---------------------------------------------------------------------

  layout() {
    const width = this.box.clientWidth;
    if (!width) return;
    this.size ??= this.fitting(width);
    const cell = SIZES[this.size] + this.gap;
    const columns = Math.max(1, Math.floor((width + this.gap) / cell));
    this.less.disabled = this.size === 0;
    this.more.disabled = this.size === SIZES.length - 1;
    if (columns === this.columns && cell === this.cell) return;
    this.columns = columns;
    this.cell = cell;
    this.draw();
  }

  get gap() { return SIZES[this.size] < 16 ? 1 : GAP; }

  // The largest size at which everything is seen at once; not below what can be recognised.
  fitting(width) {
    const height = 288, least = this.header.units > 1 ? 3 : 0;
    for (let i = 6; i > least; i--) {
      const cell = SIZES[i] + GAP;
      if (Math.ceil(this.count / Math.floor((width + GAP) / cell)) * cell <= height) return i;
    }
    return least;
  }

  zoom(step) {
    this.size = Math.max(0, Math.min(SIZES.length - 1, this.size + step));
    this.layout();
  }

  limitOf(channel) {
    const { header } = this;
    return this.each.checked ? Math.max(header.highs[channel], -header.lows[channel]) : header.limit;
  }

  // 256 colours of one channel: its bytes on the scale that is shown.
  palette(channel) {
    const { header, colours } = this;
    const low = header.lows[channel], step = (header.highs[channel] - low) / 255;
    const limit = this.limitOf(channel) || 1;
    const words = new Uint32Array(256);
    for (let byte = 0; byte < 256; byte++) {
      const share = (low + byte * step) / limit;
      const at = 3 * Math.max(0, Math.min(255, Math.round(255 * (header.signed ? (share + 1) / 2 : share))));
      words[byte] = 0xff000000 | colours[at + 2] << 16 | colours[at + 1] << 8 | colours[at]; // little-endian RGBA
    }
    return words;
  }

  draw() {
    if (!this.columns) return;
    const { columns, cell, count, gap } = this;
    const n = this.header.size, rows = Math.ceil(count / columns);
    const image = new ImageData(columns * n, rows * n);
    const pixels = new Uint32Array(image.data.buffer);
    this.order.forEach((channel, i) => {
      const words = this.palette(channel);
      let from = channel * n * n;
      let to = Math.floor(i / columns) * n * image.width + (i % columns) * n;
      for (let row = 0; row < n; row++, to += image.width - n) {
        for (let col = 0; col < n; col++) pixels[to++] = words[this.maps[from++]];
      }
    });
    const atlas = canvasOf(image), ratio = window.devicePixelRatio || 1, side = cell - gap;
    this.canvas.width = (columns * cell - gap) * ratio;
    this.canvas.height = (rows * cell - gap) * ratio;
    this.canvas.style.width = `${columns * cell - gap}px`;
    this.canvas.style.height = `${rows * cell - gap}px`;
    const context = this.canvas.getContext("2d");
    context.imageSmoothingEnabled = side * ratio < n; // only when maps are larger than cells
    context.scale(ratio, ratio);
    for (let i = 0; i < count; i++) {
      const col = i % columns, row = Math.floor(i / columns);
      context.drawImage(atlas, col * n, row * n, n, n, col * cell, row * cell, side, side);
    }
    this.legend();
    this.mark();
    this.canvas.dataset.painted = `${this.header.output} ${count}`;
    this.canvas.dataset.order = this.order.slice(0, 8).join();
  }

  legend() {
    const { header } = this;
    const image = new ImageData(256, 1);
    for (let i = 0; i < 256; i++) {
      image.data.set(this.colours.subarray(3 * i, 3 * i + 3), 4 * i);
      image.data[4 * i + 3] = 255;
    }
    this.bar.getContext("2d").putImageData(image, 0, 0);
    const own = this.each.checked;
    const limit = own ? "its own largest" : short(header.limit);
    setText(this.low, header.signed ? `−${limit}` : "0");
    setText(this.high, limit);
    const scale = own ? "each map on its own scale"
      : header.scale === "shared" ? "one scale for both networks" : "this layer's scale";
    const pooled = header.pooled > 1
      ? `; drawn max-pooled ${header.pooled} × ${header.pooled} to ${header.size} px` : "";
    setText(this.kind, `${scale}${pooled}`);
  }

  // --- pointing -------------------------------------------------------------------------------

  unitAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = event.clientX - box.left, y = event.clientY - box.top;
    const column = Math.floor(x / this.cell), row = Math.floor(y / this.cell);
    const cell = row * this.columns + column;
    if (column < 0 || column >= this.columns || cell < 0 || cell >= this.count) return null;
    const inside = (at) => Math.max(0, Math.min(this.header.units - 1,
      Math.floor((at % this.cell) / (this.cell - this.gap) * this.header.units)));
    return { cell, row: inside(y), column: inside(x) };
  }

  point(unit) {
    this.over = unit;
    this.mark();
  }

  mark() {
    const chosen = this.order.indexOf(this.chosen);
    this.frame(this.ring, chosen < 0 ? null : chosen);
    this.frame(this.hover, this.over && this.over.cell);
    const cell = this.over ? this.over.cell : chosen < 0 ? 0 : chosen;
    setText(this.readout, this.words(this.order[cell], this.over));
    this.canvas.dataset.chosen = this.chosen ?? "";
    this.canvas.setAttribute("aria-label",
      `${this.title.textContent}. Arrow keys move, Enter chooses. ${this.readout.textContent}`);
  }

  frame(ring, cell) {
    ring.hidden = cell === null;
    if (ring.hidden) return;
    ring.style.left = `${(cell % this.columns) * this.cell}px`;
    ring.style.top = `${Math.floor(cell / this.columns) * this.cell}px`;
    ring.style.width = ring.style.height = `${this.cell - this.gap}px`;
  }

  words(channel, unit) {
    const { header } = this;
    const said = [`${header.units > 1 ? "Channel" : "Unit"} ${channel}`];
    if (unit) {
      const value = short(this.valueAt(channel, unit));
      said.push(header.units > 1
        ? `≈ ${value} at row ${unit.row + 1}, column ${unit.column + 1}` : `≈ ${value}`);
    }
    if (header.units > 1) {
      said.push(`mean ${short(header.means[channel])}`, `largest ${short(header.maxima[channel])}`,
        `zeros ${percent(header.zeros[channel])}`);
    }
    said.push(`for ${header.target} ${header.scores[channel] > 0 ? "+" : ""}${short(header.scores[channel])}`);
    if (this.similarities && channel !== this.chosen) said.push(`like ${this.chosen} ${short(this.similarities[channel])}`);
    return said.join(" · ");
  }

  // As drawn: of the px, within 1/255 of the channel's range.
  valueAt(channel, { row, column }) {
    const { header } = this;
    const n = header.size, low = header.lows[channel];
    const at = (i) => Math.min(n - 1, Math.floor(i / header.pooled));
    const byte = this.maps[channel * n * n + at(row) * n + at(column)];
    return low + byte / 255 * (header.highs[channel] - low);
  }

  choose(unit) {
    if (!unit) return;
    const channel = this.order[unit.cell];
    this.active = unit.cell;
    if (channel !== this.chosen) this.similarities = null;
    this.chosen = channel;
    this.mark();
    setText(this.live, this.words(channel, unit));
    this.send("unit", { channel, row: unit.row, column: unit.column, order: this.by });
  }

  onKey(event) {
    const last = this.count - 1;
    const step = {
      ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns,
      Home: -last, End: last,
    }[event.key];
    const middle = Math.floor(this.header.units / 2);
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.choose({ cell: this.active, row: middle, column: middle });
    } else if (step !== undefined) {
      event.preventDefault();
      this.active = Math.max(0, Math.min(last, this.active + step));
      this.point({ cell: this.active, row: middle, column: middle });
      const top = Math.floor(this.active / this.columns) * this.cell;
      if (top < this.box.scrollTop) this.box.scrollTop = top;
      const bottom = top + this.cell - this.box.clientHeight;
      if (bottom > this.box.scrollTop) this.box.scrollTop = bottom;
      setText(this.live, this.readout.textContent);
    }
  }
}

function sameBytes(one, other) {
  if (one.length !== other.length) return false;
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false;
  return true;
}

function canvasOf(image) {
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
