// The photo with an attribution over it. Opacity, threshold, colours, hover and the enlarged view
// live here: nothing is asked of the server. All overlays of the page share one look and one
// pointer, over events of the document.

const FADE = 4; // as in vgg_viz/figures/overlay.py: full opacity from a quarter of the scale on
const SIDE = 448; // px of the canvases
const OPACITY = "vgg-viz:opacity";
const POINT = "vgg-viz:point";
const LOOK = "vgg-viz:look"; // told by map_look.js: {opacity, threshold, tables}
const BOX = "vgg-viz:box"; // told by drawn_box.js while somebody draws
const WHICH_LOOK = "vgg-viz:which-look"; // asks it to tell again

export default (component) => mount(component, Overlay);

class Overlay {
  constructor(root) {
    const find = (name) => root.querySelector(name);
    this.stage = find(".stage");
    this.photo = find(".photo");
    this.heat = find(".heat");
    this.box = find(".box");
    this.cell = find(".cell");
    this.readout = find(".readout");
    this.empty = find(".empty");
    this.bar = find(".bar");
    this.low = find(".low");
    this.high = find(".high");
    this.scale = find(".scale");
    this.slider = find("input");
    this.figure = find("figure");
    this.dialog = find("dialog");
    this.look = { threshold: 0, tables: null };
    this.onLook = (event) => this.setLook(event.detail);
    this.onOpacity = (event) => this.setOpacity(event.detail);
    this.onPoint = (event) => this.setPoint(event.detail);
    this.onBox = (event) => this.drawBox(event.detail);
    this.slider.oninput = () => tell(OPACITY, Number(this.slider.value));
    this.stage.onpointermove = (event) => tell(POINT, this.pointAt(event));
    this.stage.onpointerdown = this.stage.onpointermove;
    this.stage.onpointerleave = () => tell(POINT, null);
    this.stage.onblur = () => tell(POINT, null);
    this.stage.onkeydown = (event) => this.onKey(event);
    this.stage.onclick = () => this.enlarge();
    find(".close").onclick = () => this.dialog.close();
    this.dialog.onclick = (event) => event.target === this.dialog && this.dialog.close();
    this.dialog.onclose = () => this.shrink();
    this.setOpacity(remembered());
  }

  open() {
    document.addEventListener(OPACITY, this.onOpacity);
    document.addEventListener(POINT, this.onPoint);
    document.addEventListener(LOOK, this.onLook);
    document.addEventListener(BOX, this.onBox);
  }

  close() {
    document.removeEventListener(BOX, this.onBox);
    document.removeEventListener(OPACITY, this.onOpacity);
    document.removeEventListener(POINT, this.onPoint);
    document.removeEventListener(LOOK, this.onLook);
    cancelAnimationFrame(this.drawing);
  }

  show(data) {
    const { header, parts } = readFrame(data);
    this.header = header;
    [this.rows, this.cols] = header.grid;
    this.values = halfFloats(parts.grid).map((value) => value * header.unit);
    this.ownColours = parts.colours.slice();
    this.shares = header.limit > 0 ? this.enlarged() : null;
    this.drawPhoto(parts.photo);
    this.draw();
    this.stage.classList.toggle("enlarges", Boolean(header.enlarges));
    document.dispatchEvent(new Event(WHICH_LOOK));
    this.empty.hidden = !header.empty;
    setText(this.empty, header.empty);
    this.stage.setAttribute("aria-label", this.summary());
    this.setPoint(null);
    this.drawBox(header.box);
  }

  drawBox(box) {
    this.box.hidden = !box;
    if (!box) return;
    const [left, top, right, bottom] = box;
    this.box.style.inset = [top, 1 - right, 1 - bottom, left].map((x) => `${100 * x}%`).join(" ");
  }

  summary() {
    const { header } = this;
    const peak = header.empty || `largest value ${short(header.own)}`;
    return `${header.label}: ${header.title}, ${peak}. ` +
      "Arrow keys read single values" + (header.enlarges ? ", Enter enlarges." : ".");
  }

  async drawPhoto(jpeg) {
    await drawJpeg(this.photo, jpeg, SIDE);
    this.stage.dataset.painted = this.header.layer + " " + this.header.target;
  }

  // Bilinear, align_corners=False: a cell's value stands at its centre. Shares of the scale's end.
  enlarged() {
    const { rows, cols, header } = this;
    const grid = header.signed ? this.values : this.values.map((value) => Math.max(value, 0));
    const across = positions(cols), down = positions(rows);
    const shares = new Float32Array(SIDE * SIDE);
    for (let y = 0, at = 0; y < SIDE; y++) {
      const top = down.low[y] * cols, bottom = down.high[y] * cols, v = down.weight[y];
      for (let x = 0; x < SIDE; x++, at++) {
        const left = across.low[x], right = across.high[x], u = across.weight[x];
        const upper = grid[top + left] * (1 - u) + grid[top + right] * u;
        const lower = grid[bottom + left] * (1 - u) + grid[bottom + right] * u;
        const value = (upper * (1 - v) + lower * v) / header.limit;
        shares[at] = Math.max(-1, Math.min(1, value));
      }
    }
    return shares;
  }

  colours() {
    const { tables } = this.look;
    return tables ? tables[this.header.signed ? "signed" : "positive"] : this.ownColours;
  }

  draw() {
    this.drawHeat(this.colours());
    this.drawLegend(this.colours());
  }

  drawHeat(colours) {
    const { header, shares } = this, { threshold } = this.look;
    const image = new ImageData(SIDE, SIDE), { data } = image;
    this.heat.width = this.heat.height = SIDE;
    for (let i = 0, at = 0; shares && i < shares.length; i++, at += 4) {
      const shown = shares[i], size = Math.abs(shown);
      if (size < threshold) continue;
      const colour = 3 * Math.round(255 * (header.signed ? (shown + 1) / 2 : shown));
      data[at] = colours[colour];
      data[at + 1] = colours[colour + 1];
      data[at + 2] = colours[colour + 2];
      data[at + 3] = 255 * Math.min(1, FADE * size);
    }
    this.heat.getContext("2d").putImageData(image, 0, 0);
  }

  drawLegend(colours) {
    const { header } = this, { threshold } = this.look;
    const image = new ImageData(256, 1);
    for (let i = 0; i < 256; i++) {
      const size = Math.abs(header.signed ? (2 * i) / 255 - 1 : i / 255);
      const alpha = size < threshold ? 0 : 255;
      image.data.set([...colours.subarray(3 * i, 3 * i + 3), alpha], 4 * i);
    }
    this.bar.width = 256;
    this.bar.height = 1;
    this.bar.getContext("2d").putImageData(image, 0, 0);
    const cut = header.limit < header.own; // values beyond the end have the last colour
    setText(this.low, header.signed ? (cut ? "≤ " : "") + short(-header.limit) : "0");
    setText(this.high, (cut ? "≥ " : "") + short(header.limit));
    const scale = header.scale === "shared"
      ? `shared scale (own max ${short(header.own)})` : "own scale";
    const size = header.signed ? "±" : "";
    const from = threshold > 0 ? `, from ${size}${short(threshold * header.limit)}` : "";
    setText(this.scale, scale + from);
  }

  // Sliders move faster than twelve maps are drawn: once a frame is enough.
  setLook(look) {
    this.setOpacity(look.opacity);
    const same = look.threshold === this.look.threshold && look.tables === this.look.tables;
    this.look = look;
    if (same) return;
    cancelAnimationFrame(this.drawing);
    this.drawing = requestAnimationFrame(() => this.draw());
  }

  enlarge() {
    if (!this.header.enlarges || this.dialog.open) return;
    setText(this.dialog.querySelector(".name"), `${this.header.label}: ${this.header.title}`);
    this.dialog.append(this.figure);
    this.dialog.showModal();
    this.stage.focus();
  }

  shrink() {
    this.dialog.before(this.figure);
    this.stage.focus();
  }

  setOpacity(value) {
    this.slider.value = value;
    this.heat.style.opacity = value / 100;
    this.slider.title = `${value} % opacity, in both pictures`;
  }

  pointAt(event) {
    const box = this.stage.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  setPoint(point) {
    this.point = point;
    this.cell.hidden = this.readout.hidden = !point;
    if (!point) return;
    const col = Math.max(0, Math.min(this.cols - 1, Math.floor(point[0] * this.cols)));
    const row = Math.max(0, Math.min(this.rows - 1, Math.floor(point[1] * this.rows)));
    const { style } = this.cell;
    style.left = `${100 * col / this.cols}%`;
    style.top = `${100 * row / this.rows}%`;
    style.width = `${100 / this.cols}%`;
    style.height = `${100 / this.rows}%`;
    const value = this.values[row * this.cols + col];
    const note = value < 0 && !this.header.signed ? " (not drawn)" : "";
    setText(this.readout, `row ${row + 1}, column ${col + 1}: ${short(value)}${note}`);
  }

  onKey(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key === "Escape") return tell(POINT, null);
    if (event.key === "Enter") return this.enlarge();
    if (!(event.key in step)) return;
    event.preventDefault();
    const [dx, dy] = step[event.key];
    const [x, y] = this.point ?? [0.5, 0.5];
    const inside = (value) => Math.max(0.001, Math.min(0.999, value));
    tell(POINT, [inside(x + dx / this.cols), inside(y + dy / this.rows)]);
  }
}

function positions(source) {
  const low = new Int32Array(SIDE), high = new Int32Array(SIDE), weight = new Float32Array(SIDE);
  for (let i = 0; i < SIDE; i++) {
    const at = Math.max(0, Math.min(source - 1, (i + 0.5) * source / SIDE - 0.5));
    low[i] = Math.floor(at);
    high[i] = Math.min(low[i] + 1, source - 1);
    weight[i] = at - low[i];
  }
  return { low, high, weight };
}

function tell(name, detail) {
  if (name === OPACITY) {
    try { sessionStorage.setItem(OPACITY, detail); } catch { /* private windows may refuse */ }
  }
  document.dispatchEvent(new CustomEvent(name, { detail }));
}

function remembered() {
  try { return Number(sessionStorage.getItem(OPACITY) ?? 60); } catch { return 60; }
}
