// One picture for each channel of a layer, cut from one sheet. Sorting, hovering and keys stay
// here; Python hears which picture was chosen.

const GAP = 3; // px between pictures
const CELL = 56; // px, gap included; a few more where the row has room

export default (component) => mount(component, PictureGrid);

class PictureGrid {
  constructor(root) {
    const find = (name) => root.querySelector(name);
    this.title = find(".title");
    this.sort = find(".sort");
    this.box = find(".box");
    this.canvas = find(".grid");
    this.ring = find(".ring");
    this.hover = find(".hover");
    this.readout = find(".readout");
    this.live = find(".live");
    this.over = null; // place in the order under the pointer or the keys
    this.active = 0;
    this.canvas.onpointermove = (event) => this.setOver(this.cellAt(event));
    this.canvas.onpointerleave = () => this.setOver(null);
    this.canvas.onclick = (event) => this.choose(this.cellAt(event));
    this.canvas.onkeydown = (event) => this.onKey(event);
    this.canvas.onblur = () => this.setOver(null);
    this.sort.onchange = () => { this.arrange(); this.draw(); this.reveal(); };
    this.observer = new ResizeObserver(() => this.sheet && this.layout());
    this.observer.observe(this.box);
  }

  close() { this.observer.disconnect(); }

  async show(data) {
    const { header, parts } = readFrame(data);
    const same = this.header && this.header.id === header.id;
    this.header = header;
    setText(this.title, header.title);
    this.canvas.setAttribute("aria-label",
      `${header.title}; arrow keys move, Enter chooses`);
    if (!same) {
      const sheet = await createImageBitmap(new Blob([parts.sheet], { type: "image/jpeg" }));
      if (this.header !== header) return; // a newer one arrived meanwhile
      this.sheet = sheet;
      this.over = null;
      this.arrange();
      this.columns = 0;
    }
    if (!this.sheet) return;
    this.layout();
    this.mark();
    if (this.shown !== header.selected || !same) this.reveal();
    this.shown = header.selected;
  }

  arrange() {
    const { values } = this.header;
    this.order = values.map((_, i) => i);
    if (this.sort.value === "value") this.order.sort((a, b) => values[b] - values[a]);
    this.active = Math.max(0, this.order.indexOf(this.header.selected));
  }

  layout() {
    const width = this.box.clientWidth;
    if (!width) return;
    const columns = Math.max(3, Math.floor((width + GAP) / CELL));
    const cell = Math.min(CELL + 12, Math.floor((width + GAP) / columns));
    if (columns === this.columns && cell === this.cell) return;
    this.columns = columns;
    this.cell = cell;
    this.draw();
  }

  draw() {
    const { columns, cell } = this;
    const { side, across } = this.header;
    const rows = Math.ceil(this.order.length / columns);
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [columns * cell - GAP, rows * cell - GAP];
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    const context = this.canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.scale(ratio, ratio);
    this.order.forEach((i, at) => {
      context.drawImage(this.sheet, (i % across) * side, Math.floor(i / across) * side, side, side,
        (at % columns) * cell, Math.floor(at / columns) * cell, cell - GAP, cell - GAP);
    });
    this.canvas.dataset.painted = `${this.header.id} ${this.order.length}`;
    this.mark();
  }

  mark() {
    this.place(this.ring, this.order.indexOf(this.header.selected));
    this.place(this.hover, this.over ?? -1);
    const i = this.over === null ? this.header.selected : this.order[this.over];
    setText(this.readout, this.words(i));
  }

  words(i) {
    const { header } = this;
    if (i === null || i === undefined || i < 0) return header.hint;
    const best = header.photo_values ? `; best photo patch ${short(header.photo_values[i])}` : "";
    return `${header.names[i]}: ${short(header.values[i])}${best}`;
  }

  place(ring, at) {
    ring.hidden = at < 0;
    if (ring.hidden) return;
    ring.style.left = `${(at % this.columns) * this.cell}px`;
    ring.style.top = `${Math.floor(at / this.columns) * this.cell}px`;
    ring.style.width = ring.style.height = `${this.cell - GAP}px`;
  }

  // Only the box scrolls, never the page.
  reveal() {
    const at = this.order.indexOf(this.header.selected);
    if (at < 0) return;
    const top = Math.floor(at / this.columns) * this.cell;
    const { scrollTop, clientHeight } = this.box;
    if (top < scrollTop || top + this.cell > scrollTop + clientHeight) {
      this.box.scrollTop = top - (clientHeight - this.cell) / 2;
    }
  }

  cellAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left) / this.cell);
    const row = Math.floor((event.clientY - box.top) / this.cell);
    const at = row * this.columns + column;
    return column >= 0 && column < this.columns && at >= 0 && at < this.order.length ? at : null;
  }

  setOver(at) {
    if (at === this.over) return;
    this.over = at;
    this.mark();
  }

  choose(at) {
    if (at === null) return;
    this.active = at;
    this.header.selected = this.shown = this.order[at];
    this.mark();
    setText(this.live, this.readout.textContent);
    this.send("picked", this.header.channels[this.order[at]]);
  }

  onKey(event) {
    const last = this.order.length - 1;
    const step = {
      ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns,
      Home: -last, End: last,
    }[event.key];
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.choose(this.active);
    } else if (step) {
      event.preventDefault();
      this.active = Math.max(0, Math.min(last, this.active + step));
      this.setOver(this.active);
      setText(this.live, this.readout.textContent);
    }
  }
}
