// The photo with the field of one unit. Pointing moves the field here and, through an event of the
// document, in the other networks' pictures: there the unit whose centre is nearest. A click or an
// arrow key keeps the unit; only then, and after a moment without another, is Python told.

const PLACE = "vgg-viz:field-place";
const LATE = 3000; // ms after which an answer that never came is not waited for
const SETTLE = 350; // ms: holding an arrow key asks once
const MOST_GRID = 224; // px

export default (component) => mount(component, ReceptiveField);

class ReceptiveField {
  constructor(root) {
    const find = (name) => root.querySelector(name);
    this.figure = find(".field");
    this.sceneBox = find(".scene");
    this.scene = find(".photo");
    this.mapBox = find(".map");
    this.grid = find(".grid");
    this.title = find(".title");
    this.list = find("dl");
    this.measured = find(".measured");
    this.outsideKey = find(".hatched");
    this.dotsKey = find(".dots");
    this.hint = find(".hint");
    this.live = find(".live");
    this.over = null; // the unit pointed at
    this.kept = null;
    this.waiting = null; // the place of a click the server has not answered yet
    this.onPlace = (event) => this.follow(event.detail);
    for (const canvas of [this.scene, this.grid]) {
      canvas.onpointermove = (event) => this.point(this.unitUnder(event));
      canvas.onpointerleave = () => this.point(null);
      canvas.onclick = (event) => this.keep(this.unitUnder(event));
    }
    this.grid.onkeydown = (event) => this.onKey(event);
    this.grid.onblur = () => this.point(null);
    find(".save").onclick = () => this.save();
    this.observer = new ResizeObserver(() => this.paint());
  }

  open() {
    document.addEventListener(PLACE, this.onPlace);
    this.observer.observe(this.figure);
  }

  close() {
    document.removeEventListener(PLACE, this.onPlace);
    this.observer.disconnect();
  }

  show(data) {
    const { header, parts } = readFrame(data);
    const another = !this.fields || this.fields.layer !== header.layer
      || this.fields.size !== header.size || this.fields.network !== header.network;
    this.fields = new Fields(header);
    // A late answer to an earlier click must not undo a later one.
    const answered = String(header.place) === String(this.waiting?.place);
    if (another || !this.waiting || answered || performance.now() > this.waiting.until) {
      this.kept = header.unit;
      this.waiting = null;
    }
    if (another) this.over = null;
    this.heat = header.effective && heatPicture(header.effective, parts.heat, parts.colours);
    this.decode(parts.photo);
    this.paint();
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
    const { count, margin } = this.fields;
    if (event.currentTarget === this.grid) {
      const inside = (share) => Math.max(0, Math.min(count - 1, Math.floor(share * count)));
      return [inside(y), inside(x)];
    }
    return this.fields.unitAt([x, y].map((share) => share * (1 + 2 * margin) - margin));
  }

  point(unit) {
    if (String(unit) === String(this.over)) return;
    this.over = unit;
    this.paint();
    tell({ from: this, place: unit && this.fields.placeOf(unit), kept: false });
  }

  keep(unit, patience = 0) {
    this.kept = unit;
    this.over = null;
    const place = this.fields.placeOf(unit);
    this.waiting = { place, until: performance.now() + patience + LATE };
    this.paint();
    tell({ from: this, place, kept: true });
    setText(this.live, this.spoken());
    clearTimeout(this.timer);
    const [row, column] = unit;
    this.timer = setTimeout(() => this.send("unit", { row, column }), patience);
  }

  follow({ from, place, kept }) {
    if (from === this || !this.fields) return;
    const unit = place && this.fields.unitAt(place);
    if (kept) {
      clearTimeout(this.timer); // a key pressed here before is no longer what is wanted
      this.kept = unit;
      this.over = null;
      this.waiting = { place, until: performance.now() + LATE };
    } else {
      this.over = unit;
    }
    this.paint();
  }

  onKey(event) {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (!(event.key in step)) return;
    event.preventDefault();
    const inside = (i) => Math.max(0, Math.min(this.fields.count - 1, i));
    const [down, across] = step[event.key];
    this.keep([inside(this.unit[0] + down), inside(this.unit[1] + across)], SETTLE);
  }

  // --- what is drawn and said -----------------------------------------------------------------

  paint() {
    if (!this.fields || !this.sceneBox.clientWidth) return;
    this.colours = coloursOf(this.figure, this.fields.series);
    const side = Math.floor(this.sceneBox.clientWidth);
    paintScene(sized(this.scene, side), side, this.view());
    const wide = Math.min(MOST_GRID, Math.floor(this.mapBox.clientWidth));
    paintUnits(sized(this.grid, wide), wide, { ...this.view(), kept: this.kept });
    this.describe();
    this.grid.dataset.unit = this.unit.join();
    this.grid.dataset.kept = this.kept.join();
  }

  view() {
    const { fields, unit, photo, colours } = this;
    const heat = String(unit) === String(fields.unit) ? this.heat : null;
    return { fields, unit, photo, colours, heat };
  }

  describe() {
    const { fields, unit } = this;
    const one = fields.count === 1;
    setText(this.title, one ? `${fields.layer}: one field for all its units`
      : `${fields.count} × ${fields.count} units of ${fields.layer}`);
    const rows = this.numbers();
    if (this.list.children.length !== 2 * rows.length) {
      this.list.replaceChildren(...rows.flatMap(() => ["dt", "dd"].map((tag) => document.createElement(tag))));
    }
    rows.forEach(([name, value, help], i) => {
      const [term, number] = [this.list.children[2 * i], this.list.children[2 * i + 1]];
      setText(term, name);
      term.title = help;
      setText(number, value);
    });
    this.hint.hidden = one;
    this.outsideKey.hidden = fields.clipped(unit) <= 0;
    this.dotsKey.hidden = !hasLattice(fields, scaleOf(fields, this.sceneBox.clientWidth));
    setText(this.measured, this.source());
    this.measured.hidden = !this.measured.textContent;
    this.scene.setAttribute("aria-label", this.spoken());
    this.grid.setAttribute("aria-label", `Units of ${fields.layer}; arrow keys move. ${this.spoken()}`);
  }

  numbers() {
    const { fields, unit } = this;
    const [row, column] = unit;
    const [high, wide] = [lengthOf(fields.spans[row]), lengthOf(fields.spans[column])];
    const rows = [
      ["Field", `${wide} × ${high} px`, `Part of the input one unit of ${fields.layer} can see; the input is ${fields.size} px wide`],
    ];
    if (fields.count > 1) {
      rows.push(["Stride", `${fields.jump} px`, "Between the fields of neighbouring units, in px of the input"]);
      rows.push(["Row, column", `${row + 1}, ${column + 1}`, "Its place in the map, counted from 1"]);
    }
    rows.push(
      ["Centre x, y", `${fields.center(column)}, ${fields.center(row)}`, "In px of the input; the first px is 0"],
      ["Outside", share(fields.clipped(unit)), "Share of the field that lies outside the photo, where there are only zeros"],
      ["Of the photo", share(fields.ofPicture(unit)), "Share of the photo this unit can see"],
    );
    if (fields.count > 1) {
      rows.push(["Whole fields", `${fields.whole ** 2} of ${fields.count ** 2}`, "Units of this layer whose field lies on the photo as a whole"]);
    }
    return [...rows, ...this.effective()];
  }

  effective() {
    const found = this.view().heat && this.fields.effective;
    if (!found) return [];
    if (found.inside === null) return [["Effective", "no gradient", "The unit does not change with any px of these photos"]];
    return [
      ["50 % within", `${found.side_50} px`, "Side of the square around the centre that holds half of the gradient"],
      ["95 % within", `${found.side_95} px, ${percent(found.relative)}`, "The same with 95 %; in per cent of the theoretical field's side"],
      ["In the field", percent(found.inside), "Share of the gradient inside the theoretical field: 100 %, or one of the two would be wrong"],
    ];
  }

  source() {
    const found = this.view().heat && this.fields.effective;
    if (!found) return "";
    const what = found.channel === null ? "sum of all channels" : `channel ${found.channel}`;
    return `Effective field: |gradient| of the ${what} ${this.fields.photos}, colour = square root ` +
      `of 0 to ${short(found.largest)}; ${this.fields.weights}.`;
  }

  spoken() {
    const { fields, unit } = this;
    const said = this.numbers().map(([name, value]) => `${name} ${value}`).join(", ");
    return `${fields.network}, ${fields.layer}, unit row ${unit[0] + 1}, column ${unit[1] + 1}: ${said}.`;
  }

  // The picture with its caption, twice as fine as on the screen.
  save() {
    const side = 900, line = 26, font = "18px sans-serif";
    const { fields } = this;
    const [field, ...rest] = this.numbers().map(([name, value]) => `${name.toLowerCase()} ${value}`);
    const measure = blank(1, 1).getContext("2d");
    measure.font = font;
    const lines = [
      `${fields.network}, ${fields.layer}: ${field}, input ${fields.size} px`, `${rest.join("; ")}.`,
      this.source(),
    ].flatMap((text) => wrapped(measure, text, side - 20));
    const canvas = blank(side, side + (lines.length + 0.5) * line);
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    paintScene(context, side, this.view());
    context.fillStyle = "#000";
    context.font = font;
    lines.forEach((text, i) => context.fillText(text, 10, side + (i + 1) * line));
    const link = document.createElement("a");
    link.download = `receptive-field-${fields.layer}.png`;
    link.href = canvas.toDataURL("image/png");
    link.click();
  }
}

function wrapped(context, text, width) {
  const lines = [];
  for (const word of text.split(" ").filter(Boolean)) {
    const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
    if (lines.length && context.measureText(longer).width <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

// Of the photo: one px of 224 x 224 is 0.002 %.
function share(value) {
  return value > 0 && value < 0.0005 ? `${Number((100 * value).toPrecision(1))} %` : percent(value);
}

function coloursOf(element, series) {
  const style = getComputedStyle(element);
  const read = (name) => style.getPropertyValue(name).trim();
  const categories = read("--st-chart-categorical-colors").split(",");
  const colours = {
    field: categories[series % categories.length].trim() || "#0B6BB8",
    text: read("--st-text-color") || "#000",
    back: read("--st-background-color") || "#fff",
    beyond: read("--st-secondary-background-color") || "#eee",
  };
  element.style.setProperty("--field", colours.field);
  return colours;
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

function tell(detail) {
  document.dispatchEvent(new CustomEvent(PLACE, { detail }));
}
