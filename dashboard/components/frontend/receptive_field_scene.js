// Goes before receptive_field.js: everything that is drawn, from a header and one unit.

const PHOTO_SIDE = 448; // px of the photo's own canvas
const SPACING = 5; // px on the screen below which a lattice of centres would be a grey mist
const SMALL = 36; // px on the screen: a field below this is shown under a magnifier
const HEAT_FADE = 3; // opacity grows over the first third of the scale: the photo shows through

// What can be read from the header alone. Same formulas as vgg_viz/architecture/unit_fields.py.
class Fields {
  constructor(header) {
    Object.assign(this, header);
    this.count = header.spans.length;
  }

  center(i) { return (this.spans[i][0] + this.spans[i][1] - 1) / 2; }

  // The unit whose centre is nearest; half way, the first one.
  nearest(px) {
    let best = 0;
    for (let i = 1; i < this.count; i++) {
      if (Math.abs(this.center(i) - px) < Math.abs(this.center(best) - px)) best = i;
    }
    return best;
  }

  // Shares of the photo, to 4 digits as in the address: both sides find the same unit from them.
  placeOf([row, column]) {
    return [column, row].map((i) => toFourDigits((this.center(i) + 0.5) / this.size));
  }

  unitAt([x, y]) {
    return [this.nearest(y * this.size - 0.5), this.nearest(x * this.size - 0.5)];
  }

  seenArea([row, column]) { return lengthOf(this.seen[row]) * lengthOf(this.seen[column]); }

  area([row, column]) { return lengthOf(this.spans[row]) * lengthOf(this.spans[column]); }

  clipped(unit) { return 1 - this.seenArea(unit) / this.area(unit); }

  ofPicture(unit) { return this.seenArea(unit) / this.size ** 2; }
}

function lengthOf([start, end]) { return end - start; }

function toFourDigits(value) {
  return Math.max(0, Math.min(1, Math.floor(value * 1e4 + 0.5) / 1e4));
}

function blank(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

// The heat as a picture of one px for each px of the input.
function heatPicture({ height, width }, heat, colours) {
  const image = new ImageData(width, height);
  for (let i = 0; i < heat.length; i++) {
    const colour = 3 * heat[i];
    image.data.set(colours.subarray(colour, colour + 3), 4 * i);
    image.data[4 * i + 3] = Math.min(255, HEAT_FADE * heat[i]);
  }
  const canvas = blank(width, height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// Css px for one px of the input.
function scaleOf(fields, side) { return side / (fields.size * (1 + 2 * fields.margin)); }

// Photo, margin and field on a square of `side` css px.
function paintScene(context, side, { fields, unit, photo, heat, colours }) {
  const shown = 1 + 2 * fields.margin; // of the photo's side
  const scale = scaleOf(fields, side);
  const offset = side * fields.margin / shown;
  const at = (px) => offset + px * scale;
  const box = (ys, xs) => [at(xs[0]), at(ys[0]), lengthOf(xs) * scale, lengthOf(ys) * scale];
  const [row, column] = unit;
  const whole = box(fields.spans[row], fields.spans[column]);
  const seen = box(fields.seen[row], fields.seen[column]);
  const frame = box([0, fields.size], [0, fields.size]);

  context.fillStyle = colours.beyond;
  context.fillRect(0, 0, side, side);
  if (photo) context.drawImage(photo, ...frame);
  if (heat) {
    context.imageSmoothingEnabled = false;
    context.drawImage(heat, ...frame);
  }
  dim(context, frame, seen, heat ? 0.35 : 0.6);
  hatch(context, whole, frame, colours.field);
  lattice(context, fields, at, scale);
  outline(context, whole, colours.field, [7, 5]);
  outline(context, seen, colours.field, []);
  const small = Math.max(whole[2], whole[3]) < SMALL;
  if (heat && !small) {
    for (const [name, length] of [["50 %", fields.effective.side_50], ["95 %", fields.effective.side_95]]) {
      if (length) squareOf(context, name, length, fields, unit, at, scale);
    }
  }
  const middle = [at(fields.center(column) + 0.5), at(fields.center(row) + 0.5)];
  if (small) magnify(context, side, { fields, unit, photo, heat, colours, middle });
  else cross(context, ...middle);
}

// A field too small to look into is shown again in the corner it is farthest from.
function magnify(context, side, { fields, unit: [row, column], photo, heat, colours, middle }) {
  if (!photo) return;
  const glass = Math.round(side / 3), edge = 8;
  const [x, y] = middle.map((at) => (at < 0.6 * side ? side - glass - edge : edge));
  const length = 2 * lengthOf(fields.spans[column]); // px of the input: the field and as much again
  const [left, top] = [column, row].map((i) => fields.center(i) + 0.5 - length / 2);
  const scale = glass / length;
  context.save();
  context.beginPath();
  context.rect(x, y, glass, glass);
  context.clip();
  context.fillStyle = colours.beyond;
  context.fillRect(x, y, glass, glass);
  const from = [Math.max(left, 0), Math.max(top, 0)];
  const to = [Math.min(left + length, fields.size), Math.min(top + length, fields.size)];
  const box = (ys, xs) => [x + (xs[0] - left) * scale, y + (ys[0] - top) * scale,
    lengthOf(xs) * scale, lengthOf(ys) * scale];
  for (const picture of [photo, heat]) {
    if (!picture) continue;
    const fine = picture.width / fields.size;
    context.drawImage(picture, from[0] * fine, from[1] * fine, (to[0] - from[0]) * fine,
      (to[1] - from[1]) * fine, ...box([from[1], to[1]], [from[0], to[0]]));
  }
  outline(context, box(fields.spans[row], fields.spans[column]), colours.field, [7, 5]);
  outline(context, box(fields.seen[row], fields.seen[column]), colours.field, []);
  context.restore();
  context.save();
  context.strokeStyle = "#fff";
  context.lineWidth = 2;
  context.strokeRect(x, y, glass, glass);
  context.restore();
}

// What the unit does not see is dark, as beside a spotlight.
function dim(context, frame, seen, strength) {
  context.save();
  context.beginPath();
  context.rect(...frame);
  context.rect(...seen);
  context.fillStyle = `rgb(0 0 0 / ${strength})`;
  context.fill("evenodd");
  context.restore();
}

function hatch(context, whole, frame, colour) {
  const [x, y, width, height] = whole;
  context.save();
  context.beginPath();
  context.rect(...whole);
  context.rect(...frame);
  context.clip("evenodd");
  context.beginPath();
  context.rect(...whole);
  context.clip();
  context.strokeStyle = colour;
  context.globalAlpha = 0.55;
  context.lineWidth = 1.25;
  context.beginPath();
  for (let d = -height; d < width; d += 9) {
    context.moveTo(x + d, y + height);
    context.lineTo(x + d + height, y);
  }
  context.stroke();
  context.restore();
}

function hasLattice(fields, scale) { return fields.count > 1 && fields.jump * scale >= SPACING; }

function lattice(context, fields, at, scale) {
  if (!hasLattice(fields, scale)) return;
  const radius = Math.min(1.5, fields.jump * scale / 10);
  context.save();
  for (let row = 0; row < fields.count; row++) {
    for (let column = 0; column < fields.count; column++) {
      const x = at(fields.center(column) + 0.5), y = at(fields.center(row) + 0.5);
      context.fillStyle = "rgb(0 0 0 / 45%)";
      context.fillRect(x - radius - 0.5, y - radius - 0.5, 2 * radius + 1, 2 * radius + 1);
      context.fillStyle = "rgb(255 255 255 / 70%)";
      context.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
    }
  }
  context.restore();
}

// A field of one px has to be visible too, hence at least 5 px wide.
function outline(context, [x, y, width, height], colour, dash) {
  if (width <= 0 || height <= 0) return;
  const more = Math.max(0, 5 - Math.min(width, height)) / 2;
  const rectangle = [x - more, y - more, width + 2 * more, height + 2 * more];
  context.save();
  context.setLineDash(dash);
  if (!dash.length) {
    context.strokeStyle = "#fff";
    context.lineWidth = 5;
    context.strokeRect(...rectangle);
  }
  context.strokeStyle = colour;
  context.lineWidth = 3;
  context.strokeRect(...rectangle);
  context.restore();
}

function squareOf(context, name, length, fields, [row, column], at, scale) {
  const side = length * scale;
  const x = at(fields.center(column) + 0.5) - side / 2, y = at(fields.center(row) + 0.5) - side / 2;
  context.save();
  context.setLineDash(name === "50 %" ? [2, 3] : [8, 4]);
  for (const [colour, width] of [["#000", 3.5], ["#fff", 1.75]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.strokeRect(x, y, side, side);
  }
  context.setLineDash([]);
  context.font = "600 13px sans-serif";
  const across = context.measureText(name).width;
  context.fillStyle = "rgb(0 0 0 / 80%)";
  context.fillRect(x, y, across + 8, 18);
  context.fillStyle = "#fff";
  context.textBaseline = "middle";
  context.fillText(name, x + 4, y + 9.5);
  context.restore();
}

function cross(context, x, y) {
  context.save();
  for (const [colour, width] of [["#000", 4], ["#fff", 2]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(x - 8, y);
    context.lineTo(x + 8, y);
    context.moveTo(x, y - 8);
    context.lineTo(x, y + 8);
    context.stroke();
  }
  context.restore();
}

// All units on a square of `side` css px: the fuller the colour, the more of the field is seen.
function paintUnits(context, side, { fields, unit, kept, colours }) {
  const { count } = fields;
  const cell = side / count;
  const gap = cell >= 6 ? 1 : 0;
  const atlas = blank(count, count); // one px a unit: cells of 1.3 px would overlap as rectangles
  const small = atlas.getContext("2d");
  small.fillStyle = colours.field;
  for (let row = 0; row < count; row++) {
    for (let column = 0; column < count; column++) {
      small.globalAlpha = 0.1 + 0.6 * (1 - fields.clipped([row, column]));
      small.fillRect(column, row, 1, 1);
    }
  }
  context.clearRect(0, 0, side, side);
  context.imageSmoothingEnabled = false;
  context.drawImage(atlas, 0, 0, side, side);
  for (let i = 1; gap && i < count; i++) {
    context.clearRect(i * cell - gap, 0, gap, side);
    context.clearRect(0, i * cell - gap, side, gap);
  }
  const moved = unit[0] !== kept[0] || unit[1] !== kept[1];
  if (moved) ring(context, kept, cell, gap, colours, [3, 3]);
  ring(context, unit, cell, gap, colours, []);
}

function ring(context, [row, column], cell, gap, colours, dash) {
  const side = Math.max(9, cell - gap);
  const x = (column + 0.5) * cell - gap / 2 - side / 2, y = (row + 0.5) * cell - gap / 2 - side / 2;
  context.save();
  context.strokeStyle = colours.back;
  context.lineWidth = 5;
  context.strokeRect(x, y, side, side);
  context.setLineDash(dash);
  context.strokeStyle = colours.text;
  context.lineWidth = 2.5;
  context.strokeRect(x, y, side, side);
  context.restore();
}
