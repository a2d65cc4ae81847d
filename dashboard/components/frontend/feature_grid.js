// The maps of a layer as one canvas; a channel enlarged beside it. Hover, selection, scale and
// keyboard live here; Python only hears which channel was chosen and how many maps are wanted.

const GAP = 2; // px between maps
const DETAIL = 168; // px of the enlarged map
const FEW = 32;

export default (component) => mount(component, FeatureGrid, component.setStateValue);

class FeatureGrid {
  constructor(root) {
    const find = (name) => root.querySelector(name);
    this.title = find(".title");
    this.more = find(".more");
    this.each = find("input");
    this.box = find(".box");
    this.canvas = find(".grid");
    this.ring = find(".ring");
    this.hover = find(".hover");
    this.large = find(".large");
    this.name = find(".name");
    this.live = find(".live");
    this.numbers = Object.fromEntries(
      [...root.querySelectorAll("dd")].map((element) => [element.dataset.number, element]));
    this.range = find(".range");
    this.active = 0; // the cell arrow keys stand on
    this.over = null; // the cell under the pointer
    this.pending = null; // a click the server has not answered yet
    this.canvas.onpointermove = (event) => this.setOver(this.cellAt(event));
    this.canvas.onpointerleave = () => this.setOver(null);
    this.canvas.onclick = (event) => this.choose(this.cellAt(event));
    this.canvas.onkeydown = (event) => this.onKey(event);
    this.canvas.onfocus = () => this.canvas.matches(":focus-visible") && this.setOver(this.active);
    this.canvas.onblur = () => this.setOver(null);
    this.each.onchange = () => { this.draw(); this.drawDetail(); };
    this.more.onclick = () => this.send("count", this.isFew() ? this.header.total : FEW);
    this.observer = new ResizeObserver(() => this.header && this.layout());
    this.observer.observe(this.box);
  }

  close() { this.observer.disconnect(); }

  show(data) {
    const { header, parts } = readFrame(data);
    const before = this.header;
    this.header = header;
    this.maps = parts.maps;
    this.colours = parts.colours;
    // A late answer to an earlier click must not undo a later one.
    if (this.pending === null || header.selected === this.pending) {
      this.selected = header.selected;
      this.pending = null;
    }
    const sameMaps = before && before.layer === header.layer
      && String(before.channels) === String(header.channels);
    if (!sameMaps) {
      this.over = null;
      this.active = Math.max(0, header.channels.indexOf(header.selected));
      if (this.pending !== null && !header.channels.includes(this.pending)) {
        this.pending = null;
        this.selected = header.selected;
      }
    }
    const chosen = header.channels.slice(header.strongest).map((channel) => ` and ${channel}`);
    setText(this.title, this.isFew()
      ? `${header.strongest} strongest${chosen.join("")} of ${header.total} channels, ${header.layer}`
      : `All ${header.total} channels of ${header.layer}`);
    this.more.hidden = header.total <= FEW;
    setText(this.more, this.isFew() ? `Show all ${header.total}` : `Show ${FEW} strongest`);
    this.columns = 0;
    this.layout();
  }

  isFew() { return this.header.strongest < this.header.total; }

  // Cells of about 40 px; a full last row where the count allows it.
  layout() {
    const width = this.box.clientWidth;
    if (!width) return;
    const count = this.header.channels.length;
    let columns = Math.max(4, Math.floor(width / 40));
    if (count <= 40) {
      columns = [16, 11, 8, 7, 6, 5, 4].find((n) => n <= columns) ?? 4;
    }
    if (columns === this.columns && width === this.width) return;
    this.columns = columns;
    this.width = width;
    this.cell = Math.min(64, Math.floor((width + GAP) / columns)); // px, gap included
    this.draw();
    this.drawDetail();
  }

  limitOf(i) {
    return this.each.checked ? this.header.peaks[i] : this.header.limit;
  }

  // Pixels of map `i` into `image` at x, y.
  fill(image, i, x, y) {
    const [height, width] = this.header.size;
    const factor = this.limitOf(i) > 0 ? this.header.peaks[i] / this.limitOf(i) : 0;
    const { colours, maps } = this;
    const pixels = image.data;
    for (let row = 0, from = i * height * width; row < height; row++) {
      let to = 4 * ((y + row) * image.width + x);
      for (let col = 0; col < width; col++, from++, to += 4) {
        const colour = 3 * Math.min(255, Math.round(maps[from] * factor));
        pixels[to] = colours[colour];
        pixels[to + 1] = colours[colour + 1];
        pixels[to + 2] = colours[colour + 2];
        pixels[to + 3] = 255;
      }
    }
  }

  draw() {
    const { columns, cell } = this;
    const [height, width] = this.header.size;
    const count = this.header.channels.length;
    const rows = Math.ceil(count / columns);
    const image = new ImageData(columns * width, rows * height);
    for (let i = 0; i < count; i++) {
      this.fill(image, i, (i % columns) * width, Math.floor(i / columns) * height);
    }
    const atlas = canvasOf(image);
    const ratio = window.devicePixelRatio || 1;
    const side = cell - GAP;
    this.canvas.width = (columns * cell - GAP) * ratio;
    this.canvas.height = (rows * cell - GAP) * ratio;
    this.canvas.style.width = `${columns * cell - GAP}px`;
    this.canvas.style.height = `${rows * cell - GAP}px`;
    const context = this.canvas.getContext("2d");
    context.imageSmoothingEnabled = side * ratio < width; // only when maps are larger than cells
    context.scale(ratio, ratio);
    for (let i = 0; i < count; i++) {
      const col = i % columns, row = Math.floor(i / columns);
      context.drawImage(atlas, col * width, row * height, width, height,
        col * cell, row * cell, side, side);
    }
    this.canvas.dataset.painted = `${this.header.layer} ${count}`;
  }

  cellAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const col = Math.floor((event.clientX - box.left) / this.cell);
    const row = Math.floor((event.clientY - box.top) / this.cell);
    const i = row * this.columns + col;
    return col >= 0 && col < this.columns && i >= 0 && i < this.header.channels.length ? i : null;
  }

  setOver(i) {
    if (i === this.over) return;
    this.over = i;
    this.drawDetail();
  }

  choose(i) {
    if (i === null) return;
    this.active = i;
    this.selected = this.pending = this.header.channels[i];
    this.drawDetail();
    setText(this.live, `${this.name.textContent}, mean ${this.numbers.mean.textContent}`);
    this.send("channel", this.selected);
  }

  onKey(event) {
    const last = this.header.channels.length - 1;
    const step = {
      ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns,
      Home: -last, End: last,
    };
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.choose(this.active);
    } else if (event.key in step) {
      event.preventDefault();
      this.active = Math.max(0, Math.min(last, this.active + step[event.key]));
      this.setOver(this.active);
      setText(this.live, `${this.name.textContent}, mean ${this.numbers.mean.textContent}`);
    }
  }

  place(ring, i) {
    ring.hidden = i === null || i < 0;
    if (ring.hidden) return;
    ring.style.left = `${(i % this.columns) * this.cell}px`;
    ring.style.top = `${Math.floor(i / this.columns) * this.cell}px`;
    ring.style.width = ring.style.height = `${this.cell - GAP}px`;
  }

  // The map under the pointer, else the chosen one, else the strongest.
  drawDetail() {
    const { header } = this;
    const chosen = header.channels.indexOf(this.selected);
    const i = this.over ?? (chosen >= 0 ? chosen : 0);
    this.place(this.hover, this.over);
    this.place(this.ring, chosen);
    const [height, width] = header.size;
    const image = new ImageData(width, height);
    this.fill(image, i, 0, 0);
    this.large.width = this.large.height = DETAIL * 2;
    const context = this.large.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(canvasOf(image), 0, 0, DETAIL * 2, DETAIL * 2);
    const what = i === this.over || chosen >= 0 ? "" : " (strongest)";
    setText(this.name, `Channel ${header.channels[i]}${what}`);
    this.large.setAttribute("aria-label", `${this.name.textContent} of ${header.layer}, enlarged`);
    setText(this.numbers.mean, short(header.means[i]));
    setText(this.numbers.max, short(header.maxima[i]));
    setText(this.numbers.dead, percent(header.dead[i]));
    const pooled = header.pooled > 1 ? `, drawn max-pooled ${header.pooled} x ${header.pooled}` : "";
    setText(this.numbers.size, `${header.full[1]} x ${header.full[0]}${pooled}`);
    const scale = this.each.checked ? "own scale" : header.scale === "shared" ? "shared scale" : "layer's scale";
    setText(this.range, `0 to ${short(this.limitOf(i))}, ${scale}`);
    this.large.dataset.channel = header.channels[i];
  }
}

function canvasOf(image) {
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
