// Two networks as columns of blocks. Pointing, keyboard, numbers and saving live here; Python only
// hears which convolution was chosen.

const SIDES = ["left", "right"];
const MARGIN = 16; // px around a saved picture

export default (component) => mount(component, NetworkColumns);

class NetworkColumns {
  constructor(root) {
    const find = (name) => root.querySelector(name);
    this.root = root;
    this.stage = find(".stage");
    this.tip = find(".tip");
    this.live = find(".live");
    this.picture = new ColumnsPicture(find("svg"));
    this.over = null; // {i, side} under the pointer or the arrow keys
    this.marked = null; // a block without a selection of its own: pooling, LRN, fully connected
    this.stage.onpointermove = (event) => this.setOver(this.at(event));
    this.stage.onpointerleave = () => this.setOver(null);
    this.stage.onclick = (event) => this.choose(this.at(event));
    this.stage.onkeydown = (event) => this.onKey(event);
    this.stage.onfocus = () => this.stage.matches(":focus-visible") && this.setOver(this.over ?? this.first());
    this.stage.onblur = () => this.setOver(null);
    for (const button of root.querySelectorAll(".save")) {
      button.onclick = () => this.save(button.dataset.format);
    }
    // The theme's change of colours is a transition of this element.
    find(".networks").ontransitionend = (event) => event.target === find(".networks") && this.draw();
    this.observer = new ResizeObserver(() => this.header && this.draw());
    this.observer.observe(this.stage);
  }

  close() { this.observer.disconnect(); }

  show(data) {
    const { header } = readFrame(data);
    const same = this.header && String(this.header.titles) === String(header.titles)
      && this.header.rows.length === header.rows.length;
    this.header = header;
    if (!same) this.over = this.marked = null;
    this.stage.setAttribute("aria-label",
      `${header.summary} Arrow keys move from block to block, Enter chooses a convolution.`);
    this.draw();
  }

  draw() {
    const width = Math.floor(this.stage.clientWidth);
    if (!width) return;
    this.picture.draw(this.header, width, themeColours(this.root));
    this.describe();
    this.stage.dataset.painted = `${this.header.titles.join(" ")} ${this.header.selected.join(" ")}`;
  }

  at(event) {
    const box = this.picture.svg.getBoundingClientRect();
    return this.picture.find(event.clientX - box.left, event.clientY - box.top);
  }

  block(place) { return place && this.header.rows[place.i].blocks[place.side]; }

  first() {
    for (const side of [0, 1]) {
      const i = this.header.rows.findIndex((row) => row.blocks[side]);
      if (i >= 0) return { i, side };
    }
    return null;
  }

  setOver(place) {
    if (place?.i === this.over?.i && place?.side === this.over?.side) return;
    this.over = place;
    this.describe();
  }

  choose(place) {
    const block = this.block(place);
    if (!block) return;
    this.over = place;
    this.marked = block.kind === "conv" ? null : { ...place, name: block.name };
    this.describe();
    this.say();
    if (block.kind === "conv") this.send("picked", { side: SIDES[place.side], layer: block.name });
  }

  onKey(event) {
    const from = this.over ?? this.first();
    if (!from) return;
    if (event.key === "Escape") { this.setOver(null); return; }
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.choose(from);
      return;
    }
    const to = this.over ? this.moved(from, event.key) : from;
    if (!event.key.startsWith("Arrow") && event.key !== "Home" && event.key !== "End") return;
    event.preventDefault();
    this.setOver(to);
    this.say();
  }

  // Up and down along a column, past what only the other network has; left and right across.
  moved({ i, side }, key) {
    const { rows } = this.header;
    const along = (start, step) => {
      for (let at = start; at >= 0 && at < rows.length; at += step) if (rows[at].blocks[side]) return { i: at, side };
      return { i, side };
    };
    if (key === "ArrowDown") return along(i + 1, 1);
    if (key === "ArrowUp") return along(i - 1, -1);
    if (key === "Home") return along(0, 1);
    if (key === "End") return along(rows.length - 1, -1);
    const other = key === "ArrowLeft" ? 0 : 1;
    for (let distance = 0; distance < rows.length; distance++) {
      for (const at of [i - distance, i + distance]) {
        if (rows[at]?.blocks[other]) return { i: at, side: other };
      }
    }
    return { i, side };
  }

  say() {
    const block = this.block(this.over), row = block && this.header.rows[this.over.i];
    if (!block) return;
    const facts = block.facts.map(([name, value]) => `${name} ${value}`).join(", ");
    const change = row.status === "same" ? "the same in both" : `${row.status}: ${row.words}`;
    setText(this.live, `${block.name}, ${block.label}, ${change}. ${facts}.`);
  }

  // Frames around what is pointed at and what is marked; the numbers of both beside them.
  describe() {
    this.outline("over", this.over, this.picture.colours.text);
    const kept = this.marked && this.block(this.marked)?.name === this.marked.name ? this.marked : null;
    this.outline("marked", kept, this.picture.colours.grey);
    const place = this.over ?? kept;
    this.tip.hidden = !place;
    if (place) this.fill(place);
  }

  outline(name, place, colour) {
    const { picture } = this, words = picture.layers[2];
    words.querySelector(`.${name}`)?.remove();
    if (!place) return;
    const { y, height, sizes } = picture.at.rows[place.i], size = sizes[place.side];
    words.append(node("rect", {
      class: name, x: picture.at.centres[place.side] - size.width / 2 - 2, y: y + height / 2 - size.height / 2 - 2,
      width: size.width + 4, height: size.height + 4, rx: 2, fill: "none", stroke: colour,
      "stroke-width": 2, "stroke-dasharray": name === "marked" ? "2 2" : "none",
    }));
  }

  fill(place) {
    const row = this.header.rows[place.i];
    const shown = [0, 1].filter((side) => row.blocks[side]);
    const table = document.createElement("table");
    const head = table.createTHead().insertRow();
    head.append(cell("td", ""), ...shown.map((side) => cell("th", row.blocks[side].name)));
    const body = table.createTBody();
    row.blocks[shown[0]].facts.forEach(([name], k) => {
      const values = shown.map((side) => row.blocks[side].facts[k][1]);
      if (values.every((value) => value === "–")) return;
      const line = body.insertRow();
      line.append(cell("th", name), ...values.map((value) => cell("td", value)));
      line.classList.toggle("differs", new Set(values).size > 1);
    });
    const status = document.createElement("p");
    const words = { same: "the same in both", changed: "changed", added: "added", removed: "removed" };
    status.textContent = `${row.sign} ${words[row.status]}${row.words ? `: ${row.words}` : ""}`.trim();
    status.dataset.status = row.status;
    this.tip.replaceChildren(status, table);
    this.place(place);
  }

  // Over the other column, so that the block itself stays to be seen; where that is too narrow,
  // below or above its row.
  place(place) {
    const { tip, picture } = this, { y, height } = picture.at.rows[place.i];
    const room = this.stage.clientWidth, width = tip.offsetWidth, tall = tip.offsetHeight;
    const edge = picture.at.widest / 2 + 12, centre = picture.at.centres[place.side];
    let left = place.side ? centre - edge - width : centre + edge;
    let top = Math.max(0, Math.min(picture.at.height - tall, y + (height - tall) / 2));
    if (left < 0 || left + width > room) {
      left = Math.max(0, Math.min(room - width, centre - width / 2));
      top = y + height + 8 + tall <= picture.at.height ? y + height + 8 : Math.max(0, y - tall - 8);
    }
    tip.style.left = `${left}px`;
    tip.style.top = `${top}px`;
  }

  async save(format) {
    const svg = this.picture.svg.cloneNode(true);
    for (const name of ["over", "marked"]) svg.querySelector(`.${name}`)?.remove();
    const width = this.picture.at.width + 2 * MARGIN, height = this.picture.at.height + 2 * MARGIN;
    svg.removeAttribute("aria-hidden");
    for (const [name, value] of Object.entries({
      width, height, viewBox: `${-MARGIN} ${-MARGIN} ${width} ${height}`,
    })) svg.setAttribute(name, value);
    svg.prepend(node("rect", { x: -MARGIN, y: -MARGIN, width, height, fill: this.picture.colours.back }));
    const text = new XMLSerializer().serializeToString(svg);
    let blob = new Blob([text], { type: "image/svg+xml" });
    if (format === "png") blob = await rasterised(blob, width, height);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${this.header.titles.join(" to ").replace(/[^\w-]+/g, "-").replace(/-$/, "")}.${format}`;
    link.click();
    URL.revokeObjectURL(link.href);
  }
}

function cell(name, text) {
  const element = document.createElement(name);
  element.textContent = text;
  return element;
}

async function rasterised(blob, width, height) {
  const image = new Image();
  image.src = URL.createObjectURL(blob);
  await image.decode();
  URL.revokeObjectURL(image.src);
  const canvas = document.createElement("canvas");
  canvas.width = 3 * width;
  canvas.height = 3 * height;
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}
