// Goes before unit_stepper.js: small coloured grids with numbers, colours, and how numbers read.

const LEAST_CELL = 36; // css px a number of five signs needs; below it a grid shows colours only
const MOST_CELL = 62;
const SMALL_FIELD = 14; // px of the photo's canvas: a smaller field is circled

// A line's arrays as numbers. Products of two float32 are exact in JavaScript's numbers.
function numbersOf(parts, i, size) {
  const count = size[0] * size[1];
  const floats = (name) => {
    const bytes = parts[`${i}.${name}`];
    return bytes && new Float32Array(bytes.slice().buffer);
  };
  const given = floats("given"), weights = floats("weights");
  const inside = parts[`${i}.inside`] ?? new Uint8Array(count).fill(1);
  return { size, count, given, weights, inside, products: weights && weights.map((w, j) => w * given[j]) };
}

// products as float64: the ones above are rounded to 24 bits, which no digit shown here tells.
function exactProduct(numbers, j) { return numbers.given[j] * numbers.weights[j]; }

function colourOf(table, value, limit) {
  if (!Number.isFinite(value)) return [128, 128, 128];
  const share = limit > 0 ? Math.max(-1, Math.min(1, value / limit)) : 0;
  const at = 3 * Math.round(127.5 * (share + 1));
  return [table[at], table[at + 1], table[at + 2]];
}

// Black or white, whichever stands out more: relative luminance as in WCAG.
function inkOn([r, g, b]) {
  const linear = (c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b) > 0.18 ? "#000" : "#fff";
}

function fixed(value, decimals) {
  if (value === null || !Number.isFinite(value)) return "not finite";
  const text = value.toFixed(decimals);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

// As many decimals as give the largest value of a scale two digits.
function cellDecimals(limit) {
  return limit > 0 ? Math.max(0, Math.min(6, 1 - Math.floor(Math.log10(limit)))) : 0;
}

function plain(value) {
  return Number.isFinite(value) ? short(value).replace("-", "−") : "not finite";
}

// One grid of a line: {name, values, limit, cell, table, marks(j) -> class names}.
function gridElement({ name, numbers, values, limit, cell, table, title, ring, from, lower }) {
  const [rows, columns] = numbers.size;
  const box = element("div", "grid-box");
  const grid = element("div", "grid");
  grid.style.gridTemplateColumns = `repeat(${columns}, ${cell}px)`;
  const decimals = cellDecimals(limit);
  for (let j = 0; j < rows * columns; j++) {
    const square = element("div", "cell");
    const outside = !numbers.inside[j];
    if (outside) square.classList.add("outside");
    else {
      const colour = colourOf(table, values[j], limit);
      square.style.background = `rgb(${colour})`;
      square.style.color = inkOn(colour);
    }
    if (ring === j) square.classList.add("ring");
    square.style.height = `${Math.min(cell, Math.max(22, cell * 0.72))}px`;
    if (cell >= LEAST_CELL) square.textContent = outside ? "0" : fixed(values[j], decimals);
    square.title = title(j, outside);
    square.dataset.index = j;
    grid.append(square);
  }
  box.append(element("span", "name", name), grid);
  if (lower) box.append(element("span", "lower", lower));
  return box;
}

// A grid of a few px, for the ledger.
function miniature(numbers, values, limit, table, side) {
  const [rows, columns] = numbers.size;
  const canvas = document.createElement("canvas");
  canvas.className = "mini";
  canvas.width = columns;
  canvas.height = rows;
  canvas.style.width = canvas.style.height = `${side}px`;
  const image = new ImageData(columns, rows);
  for (let j = 0; j < rows * columns; j++) {
    const colour = numbers.inside[j] ? colourOf(table, values[j], limit) : [150, 150, 150];
    image.data.set([...colour, 255], 4 * j);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// How wide a cell may be so that three grids stand in a row, else two and one below them.
function cellWidth(width, columns) {
  // Padding of the stage, signs and gaps: 6 rem with two signs, 4 rem with one.
  const three = (width - 96) / (3 * columns), two = (width - 64) / (2 * columns);
  return Math.floor(Math.max(8, Math.min(MOST_CELL, three >= LEAST_CELL ? three : two)));
}

function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}

// The photo and the square of it that the unit sees; dashed where its field leaves the photo.
async function paintField(canvas, jpeg, { input, span, seen }) {
  const side = 224, overhang = Math.max(0, ...span.flatMap(([a, b]) => [-a, b - input])) / input;
  const margin = Math.min(0.8, overhang) + 0.02, scale = side / (input * (1 + 2 * margin));
  canvas.width = canvas.height = side;
  const bitmap = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
  const context = canvas.getContext("2d");
  const at = (px) => margin * input * scale + px * scale;
  context.drawImage(bitmap, at(0), at(0), input * scale, input * scale);
  bitmap.close();
  const box = ([[top, bottom], [left, right]]) =>
    [at(left), at(top), (right - left) * scale, (bottom - top) * scale];
  for (const [width, colour] of [[6, "#000"], [3, "#ff9f0a"]]) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.setLineDash([7, 5]);
    context.strokeRect(...box(span));
    context.setLineDash([]);
    context.strokeRect(...box(seen));
    const [x, y, w, h] = box(seen);
    if (Math.max(w, h) > SMALL_FIELD) continue;
    context.beginPath();
    context.arc(x + w / 2, y + h / 2, SMALL_FIELD, 0, 2 * Math.PI);
    context.stroke();
  }
  canvas.dataset.painted = "field";
}
