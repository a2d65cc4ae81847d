// One channel with every value, and the field of one unit on the photo. Pointing at either shows
// the unit there; a click or an arrow key keeps it, and only then Python is told. What is pointed
// at here is pointed at in the other network too: there the unit whose centre is nearest.

const CHOSEN = "vgg-viz:channel-chosen", ASK = "vgg-viz:channel-asked", PLACE = "vgg-viz:unit-place";
const SETTLE = 350; // ms: holding an arrow key asks once

export default (component) => mount(component, UnitMap);

class UnitMap {
  constructor(root) {
    const find = (name) => root.querySelector(name);
    this.figure = find("figure");
    this.canvas = find(".values");
    this.scene = find(".photo");
    this.boxes = [find(".map"), find(".scene")];
    this.lines = Object.fromEntries(["name", "value", "more", "label"].map((name) => [name, find(`.${name}`)]));
    this.live = find(".live");
    this.over = null; // the unit pointed at
    for (const canvas of [this.canvas, this.scene]) {
      canvas.onpointermove = (event) => this.point(this.unitUnder(event));
      canvas.onpointerleave = () => this.point(null);
      canvas.onclick = (event) => this.keep(this.unitUnder(event));
    }
    this.canvas.onkeydown = (event) => this.onKey(event);
    this.canvas.onblur = () => this.point(null);
    this.onAsk = (event) => event.detail === this.header?.place && this.tellChannel();
    this.onPlace = (event) => this.follow(event.detail);
    this.observer = new ResizeObserver(() => this.paint());
  }

  open() {
    document.addEventListener(ASK, this.onAsk);
    document.addEventListener(PLACE, this.onPlace);
    this.observer.observe(this.figure);
  }

  close() {
    document.removeEventListener(ASK, this.onAsk);
    document.removeEventListener(PLACE, this.onPlace);
    this.observer.disconnect();
  }

  show(data) {
    const { header, parts } = readFrame(data);
    this.header = header;
    this.fields = new Fields(header);
    this.values = halfFloats(parts.map).map((value) => value * header.scale);
    this.colours = header.signed ? parts.diverging : parts.colours;
    this.kept = header.unit;
    this.over = null;
    this.boxes[0].hidden = this.fields.count === 1; // one value is no picture
    this.picture = this.mapPicture();
    this.decode(parts.photo);
    this.paint();
    this.tellChannel();
  }

  // A channel that nobody chose is marked in the grid as well: it is the one shown here.
  tellChannel() {
    const { place, network, layer, channel, similarities, order } = this.header;
    document.dispatchEvent(new CustomEvent(CHOSEN, { detail: { place, network, layer, channel, similarities, order } }));
  }

  async decode(jpeg) {
    const photo = blank(PHOTO_SIDE, PHOTO_SIDE);
    await drawJpeg(photo, jpeg, PHOTO_SIDE);
    this.photo = photo;
    this.paint();
    this.figure.dataset.photo = "shown";
  }

  // --- which unit -----------------------------------------------------------------------------

  get unit() { return this.over ?? this.kept; }

  unitUnder(event) {
    const box = event.currentTarget.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width, y = (event.clientY - box.top) / box.height;
    if (event.currentTarget === this.canvas) {
      const inside = (share) => Math.max(0, Math.min(this.fields.count - 1, Math.floor(share * this.fields.count)));
      return [inside(y), inside(x)];
    }
    const { margin } = this.fields;
    return this.fields.unitAt([x, y].map((share) => share * (1 + 2 * margin) - margin));
  }

  point(unit) {
    if (String(unit) === String(this.over)) return;
    this.over = unit;
    this.paint();
    this.tell(unit);
  }

  tell(unit) {
    const place = unit && this.fields.placeOf(unit);
    document.dispatchEvent(new CustomEvent(PLACE, { detail: { from: this.header.place, place } }));
  }

  follow({ from, place }) {
    if (!this.header || from === this.header.place) return;
    this.over = place && this.fields.unitAt(place);
    this.paint();
  }

  keep(unit, patience = 0) {
    this.kept = unit;
    this.over = null;
    this.paint();
    setText(this.live, `${this.lines.name.textContent}. ${this.lines.value.textContent}`);
    clearTimeout(this.timer);
    const [row, column] = unit;
    this.timer = setTimeout(() => this.send("unit", { row, column }), patience);
  }

  onKey(event) {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step) return;
    event.preventDefault();
    const inside = (i) => Math.max(0, Math.min(this.fields.count - 1, i));
    this.keep([inside(this.unit[0] + step[0]), inside(this.unit[1] + step[1])], SETTLE);
  }

  // --- what is drawn and said -----------------------------------------------------------------

  mapPicture() {
    const { count } = this.fields, { scale, signed } = this.header;
    const image = new ImageData(count, count);
    this.values.forEach((value, i) => {
      const share = signed ? (value / scale + 1) / 2 : value / scale;
      const at = 3 * Math.max(0, Math.min(255, Math.round(255 * share)));
      image.data.set(this.colours.subarray(at, at + 3), 4 * i);
      image.data[4 * i + 3] = 255;
    });
    const canvas = blank(count, count);
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas;
  }

  paint() {
    if (!this.fields || !this.boxes[1].clientWidth) return;
    const colours = coloursOf(this.figure, this.fields.series);
    const [side, wide] = this.boxes.map((box) => Math.floor(box.clientWidth));
    if (side) this.paintMap(side, colours);
    paintScene(sized(this.scene, wide), wide, {
      fields: this.fields, unit: this.unit, photo: this.photo, heat: null, colours,
    });
    this.describe();
    this.canvas.dataset.unit = this.unit.join();
    this.canvas.dataset.channel = this.header.channel;
  }

  paintMap(side, colours) {
    const context = sized(this.canvas, side);
    context.imageSmoothingEnabled = false;
    context.drawImage(this.picture, 0, 0, side, side);
    const cell = side / this.fields.count;
    if (String(this.unit) !== String(this.kept)) ring(context, this.kept, cell, 0, colours, [3, 3]);
    ring(context, this.unit, cell, 0, colours, []);
  }

  describe() {
    const { header, fields, unit: [row, column] } = this;
    const many = fields.count > 1;
    const what = header.chosen ? "" : " (the strongest)";
    setText(this.lines.name, `${many ? "Channel" : "Unit"} ${header.channel} of ${header.layer}${what}`);
    const kept = String(this.unit) === String(header.unit);
    const value = kept ? header.value : this.values[row * fields.count + column];
    const where = many ? ` at row ${row + 1}, column ${column + 1}` : "";
    setText(this.lines.value, `${short(value)}${where}`);
    const [high, tall] = [fields.spans[column], fields.spans[row]].map(lengthOf);
    const beyond = fields.clipped(this.unit) > 0 ? `, ${percent(fields.clipped(this.unit))} of it outside the photo` : "";
    const end = short(header.scale);
    setText(this.lines.more, `Value${header.when && ` ${header.when}`}. It sees ${high} × ${tall} px of the photo${beyond}. ` +
      `${many ? `Colours: ${header.signed ? `−${end} to ${end}` : `0 to ${end}`}, this channel's own scale.` : ""}`);
    setText(this.lines.label, header.label);
    const spoken = `${this.lines.name.textContent}: ${this.lines.value.textContent}. ${this.lines.more.textContent}`;
    this.canvas.setAttribute("aria-label", `${spoken} Arrow keys move.`);
    this.scene.setAttribute("aria-label", `The photo with the field of the unit. ${spoken}`);
  }
}

function coloursOf(element, series) {
  const style = getComputedStyle(element);
  const read = (name) => style.getPropertyValue(name).trim();
  const categories = read("--st-chart-categorical-colors").split(",");
  return {
    field: categories[series % categories.length].trim() || "#0B6BB8",
    text: read("--st-text-color") || "#000",
    back: read("--st-background-color") || "#fff",
    beyond: read("--st-secondary-background-color") || "#eee",
  };
}

function sized(canvas, side) {
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(side * ratio)) {
    canvas.width = canvas.height = Math.round(side * ratio);
    canvas.style.width = canvas.style.height = `${side}px`;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}
