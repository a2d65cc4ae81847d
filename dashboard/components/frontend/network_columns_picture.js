// The picture of network_columns.js as SVG: two columns of blocks, their names, lines between those
// that are aligned. Every colour is an attribute, so that a saved file looks as on the page.

const SVG = "http://www.w3.org/2000/svg";
const PER_ROOT = 0.8; // px of height for each square root of a channel
const LEAST = 18; // px of a row: its label has to be readable
const THIN = 4; // px of a block whose map has no width that could be seen
const HEAD = 62, GAP = 3;
const CATEGORY = { conv: 0, max_pool: 3, avg_pool: 3, lrn: 4, batch_norm: 5, linear: 2 };

function themeColours(root) {
  const style = getComputedStyle(root.host ?? root);
  const read = (name, other) => style.getPropertyValue(name).trim() || other;
  const categories = read("--st-chart-categorical-colors", "#0B6BB8").split(",").map((c) => c.trim());
  return {
    kind: (kind) => categories[CATEGORY[kind] % categories.length],
    text: read("--st-text-color", "#000"), grey: read("--st-gray-text-color", "#555"),
    line: read("--st-border-color", "#ccc"), back: read("--st-background-color", "#fff"),
    added: read("--st-green-text-color", "#060"), removed: read("--st-red-text-color", "#900"),
    changed: read("--st-orange-text-color", "#a50"), same: read("--st-gray-text-color", "#555"),
    chosen: read("--st-primary-color", "#00f"), font: read("--st-font", "sans-serif"),
  };
}

function node(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

// Where everything stands at a width: names only where there is room, numbers between the columns.
function columnLayout(header, width) {
  const roomy = width >= 740, small = width < 480;
  const label = small ? 82 : 104, name = roomy ? 66 : 0;
  const between = small ? 24 : roomy ? 108 : 92;
  const widest = Math.max(40, (width - 2 * (label + name) - between) / 2);
  const perPx = widest / Math.max(...header.input);
  const rows = [];
  let y = HEAD;
  for (const row of header.rows) {
    const sizes = row.blocks.map((block) => block && {
      width: Math.max(THIN, block.side * perPx),
      height: Math.max(3, PER_ROOT * Math.sqrt(block.channels)),
    });
    const height = Math.max(LEAST, ...sizes.map((size) => (size ? size.height : 0)));
    rows.push({ y, height, sizes });
    y += height + GAP;
  }
  const left = label + name + widest / 2;
  return {
    width, roomy, small, label, name, between, widest, perPx, rows,
    height: y, foot: y, centres: [left, width - left],
  };
}

class ColumnsPicture {
  constructor(svg) {
    this.svg = svg;
    // Blocks are kept between pictures, so that a style sheet can let them grow and move.
    this.layers = ["lines", "blocks", "words"].map((name) => node("g", { class: name }));
    svg.replaceChildren(...this.layers);
    this.blocks = new Map();
  }

  draw(header, width, colours) {
    this.header = header;
    this.colours = colours;
    this.at = columnLayout(header, width);
    const { svg, at } = this;
    for (const [key, value] of Object.entries({
      width, "font-family": colours.font, "font-size": at.small ? 12 : 13, fill: colours.text,
    })) svg.setAttribute(key, value);
    const [lines, , words] = this.layers;
    lines.replaceChildren();
    words.replaceChildren();
    this.heads();
    const kept = new Set();
    this.anyChange = header.rows.some((row) => row.status !== "same");
    header.rows.forEach((row, i) => this.row(row, i, kept));
    for (const [key, block] of this.blocks) {
      if (!kept.has(key)) { block.remove(); this.blocks.delete(key); }
    }
    this.foot();
  }

  write(x, y, text, { anchor = "start", colour = this.colours.text, size, weight } = {}) {
    const element = node("text", { x, y, "text-anchor": anchor, fill: colour }, text);
    if (size) element.setAttribute("font-size", size);
    if (weight) element.setAttribute("font-weight", weight);
    this.layers[2].append(element);
    return element;
  }

  heads() {
    const { at, header, colours } = this;
    const half = (at.width - at.between) / 2;
    for (const side of [0, 1]) {
      const x = side ? at.width - half / 2 : half / 2;
      this.write(x, 16, header.titles[side], { anchor: "middle", size: at.small ? 14 : 17, weight: 650 });
      fitted(header.details[side], half + 8, at.small ? 11 : 13, 2).forEach((line, i) =>
        this.write(x, 33 + 15 * i, line, { anchor: "middle", colour: colours.grey, size: at.small ? 11 : 13 }));
    }
    if (!at.small) {
      fitted(`Δ ${header.quantity}`, at.between + 20, 12, 2).forEach((line, i) =>
        this.write(at.width / 2, 16 + 14 * i, line, { anchor: "middle", colour: colours.grey, size: 12 }));
    }
  }

  row(row, i, kept) {
    const { at, colours, header } = this;
    const { y, height } = at.rows[i], middle = y + height / 2;
    const colour = colours[row.status];
    row.blocks.forEach((block, side) => {
      if (!block) return;
      const size = at.rows[i].sizes[side], centre = at.centres[side];
      const key = `${side} ${stable(block.name)}`;
      kept.add(key);
      let rect = this.blocks.get(key);
      if (!rect) {
        rect = node("rect", { rx: 1.5 });
        this.blocks.set(key, rect);
        this.layers[1].append(rect);
      }
      const chosen = header.selected[side] === block.name;
      const faded = this.anyChange && row.status === "same";
      const attributes = {
        x: centre - size.width / 2, y: middle - size.height / 2, width: size.width, height: size.height,
        fill: colours.kind(block.kind), "fill-opacity": faded ? 0.45 : 1,
        stroke: row.status === "same" ? "none" : colour, "stroke-width": 2,
        "data-layer": block.name, "data-side": side, "data-status": row.status,
        "data-chosen": chosen,
      };
      for (const [name, value] of Object.entries(attributes)) rect.setAttribute(name, value);
      this.names(block, side, middle, chosen, row);
      if (chosen) this.frame(centre, middle, size);
    });
    this.between(row, i, middle, colour);
  }

  // Beside a block: the paper's name outside, what it is nearer to the block.
  names(block, side, middle, chosen, row) {
    const { at, colours } = this, y = middle + 4.5;
    const weight = chosen || row.status === "added" || row.status === "removed" ? 650 : 400;
    const outer = side ? at.width - 2 : 2, inner = side ? at.width - at.name - at.label + 8 : at.name + at.label - 8;
    if (at.roomy) {
      this.write(outer, y, block.name, { anchor: side ? "end" : "start", colour: colours.grey });
      this.write(inner, y, block.label, { anchor: side ? "start" : "end", weight });
    } else {
      this.write(outer, y, block.label, { anchor: side ? "end" : "start", weight });
    }
    if (chosen) {
      const x = side ? inner - 8 : inner + 8;
      if (at.roomy) this.write(x, y, side ? "◀" : "▶", { anchor: "middle", colour: colours.chosen, size: 10 });
    }
  }

  frame(centre, middle, size) {
    const { colours } = this;
    const place = {
      x: centre - size.width / 2 - 3.5, y: middle - size.height / 2 - 3.5,
      width: size.width + 7, height: size.height + 7, rx: 3, fill: "none",
    };
    this.layers[2].append(
      node("rect", { ...place, stroke: colours.back, "stroke-width": 5 }),
      node("rect", { ...place, stroke: colours.chosen, "stroke-width": 3, class: "chosen" }));
  }

  // A line from block to block, and on it the sign of the change with what it costs.
  between(row, i, middle, colour) {
    const { at, colours } = this, [left, right] = at.rows[i].sizes;
    const x = at.width / 2;
    const from = left ? at.centres[0] + left.width / 2 : x, to = right ? at.centres[1] - right.width / 2 : x;
    this.layers[0].append(node("line", {
      x1: from, x2: to, y1: middle, y2: middle, stroke: row.status === "same" ? colours.line : colour,
      "stroke-width": row.status === "same" ? 1 : 1.5,
      "stroke-dasharray": row.status === "changed" ? "5 3" : "none",
    }));
    if (row.status === "same") return;
    const number = at.small ? "" : row.change;
    const half = number ? at.between / 2 - 6 : 9;
    this.layers[2].append(node("rect", {
      x: x - half, y: middle - 8.5, width: 2 * half, height: 17, rx: 8.5,
      fill: colours.back, stroke: colour, "stroke-width": 1.5,
    }));
    if (number) {
      this.write(x - half + 9, middle + 4.5, row.sign, { anchor: "middle", colour, weight: 700 });
      this.write(x + half - 6, middle + 4.5, number, { anchor: "end", size: 12 });
    } else {
      this.write(x, middle + 4.5, row.sign, { anchor: "middle", colour, weight: 700 });
    }
  }

  // Scale and legend, part of the picture: a saved file explains itself.
  foot() {
    const { at, header, colours } = this;
    const size = Math.max(...header.input), length = size * at.perPx;
    const y = at.foot + 16;
    const x = at.small ? 2 : at.centres[0] - length / 2;
    this.layers[2].append(node("path", {
      d: `M${x} ${y - 5}v5h${length}v-5`, fill: "none", stroke: colours.grey, "stroke-width": 1.5,
    }));
    const note = `${size} px: a block is as wide as its map, linear; height ∝ √channels`;
    const lines = fitted(note, at.width - x - length - 8, 12, 3);
    lines.forEach((line, i) =>
      this.write(x + length + 8, y + 14 * i, line, { size: 12, colour: colours.grey }));
    this.legend(y + 14 * lines.length + 8);
  }

  legend(top) {
    const { at, header, colours } = this;
    let x = 2, y = top;
    const entries = [
      ...header.kinds.map(([kind, title]) => ({ title, kind })),
      ...[["added", "+ added"], ["removed", "− removed"], ["changed", "~ changed"]]
        .filter(([status]) => header.rows.some((row) => row.status === status))
        .map(([status, title]) => ({ title, status })),
    ];
    for (const { title, kind, status } of entries) {
      const width = 7 * title.length + (kind ? 28 : 14);
      if (x + width > at.width) { x = 2; y += 17; }
      if (kind) {
        this.layers[2].append(node("rect", { x, y: y - 10, width: 14, height: 11, rx: 1.5, fill: colours.kind(kind) }));
      }
      this.write(x + (kind ? 19 : 0), y, title, { size: 12, colour: status ? colours[status] : colours.grey, weight: status ? 650 : 400 });
      x += width;
    }
    this.at.height = y + 8;
    this.svg.setAttribute("height", this.at.height);
    this.svg.setAttribute("viewBox", `0 0 ${at.width} ${this.at.height}`);
  }

  // The row and side under a point of the picture, labels included.
  find(x, y) {
    const { at, header } = this;
    const i = at.rows.findIndex((row) => y >= row.y - GAP / 2 && y < row.y + row.height + GAP / 2);
    if (i < 0) return null;
    const side = x < at.width / 2 ? 0 : 1;
    return header.rows[i].blocks[side] ? { i, side } : null;
  }
}

// conv1 and conv1_1 are the same place: in a morph the block of the one becomes the other's.
function stable(name) { return /\d_\d/.test(name) ? name : `${name}_1`; }

// `text` in lines of about `width` px; the last takes what is left.
function fitted(text, width, size, most) {
  const lines = [];
  const holds = width / (0.54 * size);
  for (const word of text.split(" ")) {
    const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
    if (lines.length && (longer.length <= holds || lines.length === most)) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}
