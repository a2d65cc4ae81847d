// One small map for each layer. Pointing reads its numbers here; a click tells Python the layer,
// and before that the grids: they show at once a layer that they have seen.

const WANTED = "vgg-viz:layer-wanted"; // channel_grid listens

export default (component) => mount(component, LayerStrip);

class LayerStrip {
  constructor(root) {
    this.strip = root.querySelector(".strip");
    this.facts = root.querySelector(".facts");
    this.strip.onkeydown = (event) => this.onKey(event);
  }

  show(data) {
    const { header, parts } = readFrame(data);
    this.header = header;
    const names = header.layers.map((layer) => layer.name);
    const same = String(names) === String(this.names);
    this.names = names;
    if (!same) this.strip.replaceChildren(...header.layers.map((layer) => this.button(layer)));
    let from = 0;
    header.layers.forEach((layer, i) => {
      const button = this.strip.children[i], size = layer.side ** 2;
      paint(button.querySelector("canvas"), layer, parts.minis.subarray(from, from + size),
        layer.low < 0 ? parts.diverging : parts.colours);
      button.onclick = () => this.choose(layer);
      button.onpointerenter = button.onfocus = () => this.tell(layer);
      button.setAttribute("aria-label", factsOf(layer));
      from += size;
    });
    this.strip.onpointerleave = () => this.tell(this.chosen);
    this.mark();
    this.tell(this.chosen);
    if (!same || this.shown !== header.selected) this.reveal();
    this.shown = header.selected;
    this.strip.dataset.painted = names.length;
  }

  get chosen() {
    return this.header.layers.find((layer) => layer.name === this.header.selected);
  }

  button(layer) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "layer";
    button.setAttribute("role", "option");
    const name = document.createElement("span");
    name.textContent = layer.name;
    button.append(document.createElement("canvas"), name);
    return button;
  }

  mark() {
    this.header.layers.forEach((layer, i) => {
      const chosen = layer.name === this.header.selected;
      this.strip.children[i].setAttribute("aria-selected", chosen);
      this.strip.children[i].tabIndex = chosen || (!this.chosen && i === 0) ? 0 : -1;
    });
  }

  // Only the strip moves, never the page.
  reveal() {
    const button = this.strip.children[this.names.indexOf(this.header.selected)];
    if (button) this.strip.scrollLeft = button.offsetLeft - this.strip.offsetLeft - this.strip.clientWidth / 2 + button.offsetWidth / 2;
  }

  choose(layer) {
    this.header.selected = layer.name;
    this.mark();
    // Grids say how they are sorted: the link learns it with this click.
    const detail = { place: this.header.place, layer: layer.name, orders: {} };
    const unseen = document.dispatchEvent(new CustomEvent(WANTED, { cancelable: true, detail }));
    const send = () => this.send("layer", { name: layer.name, orders: detail.orders });
    if (unseen) send();
    else requestAnimationFrame(() => setTimeout(send)); // a grid shows it already: on the screen first
  }

  tell(layer) { if (layer) setText(this.facts, factsOf(layer)); }

  onKey(event) {
    const at = [...this.strip.children].indexOf(event.target.closest(".layer"));
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: this.names.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    this.strip.children[Math.max(0, Math.min(this.names.length - 1, to))].focus();
  }
}

function factsOf(layer) {
  const shape = layer.units > 1 ? `${layer.channels} maps of ${layer.units} × ${layer.units}` : `${layer.channels} units`;
  const dead = layer.units > 1 && layer.dead ? `, ${layer.dead} dead` : "";
  const what = layer.units > 1 ? "channel mean" : "its values row by row";
  return `${layer.name}: ${shape}${dead}, ${percent(layer.zeros)} zeros${layer.relu ? " after ReLU" : ""}; ${what} ${short(layer.low)} to ${short(layer.high)}, own scale`;
}

// A vector's cells behind its last value stay empty.
function paint(canvas, layer, bytes, colours) {
  canvas.width = canvas.height = layer.side;
  const image = new ImageData(layer.side, layer.side);
  const count = layer.units > 1 ? bytes.length : layer.channels;
  const end = Math.max(-layer.low, layer.high) || 1;
  for (let i = 0; i < count; i++) {
    const value = layer.low + bytes[i] / 255 * (layer.high - layer.low);
    const share = layer.low < 0 ? (value / end + 1) / 2 : value / end;
    const colour = 3 * Math.max(0, Math.min(255, Math.round(255 * share)));
    image.data.set(colours.subarray(colour, colour + 3), 4 * i);
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}
