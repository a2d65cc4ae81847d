// A square dragged over the photo. Every place was computed before: nothing is asked of the server.
// All such photos of the page share the place and what lies over the photo, by document events.

const SIDE = 448; // px of the canvases
const PLACE = "vgg-viz:square";
const MODE = "vgg-viz:square-mode";
const MODES = {
  photo: "Photo", probability: "Probability", top: "Most probable class", feature: "Feature map",
};
// The mean colour is ImageNet's, near that of every photo collection.
const FILLS = { mean: "rgb(124 116 104)", black: "#000", blurred: "rgb(124 116 104 / 25%)" };

export default (component) => mount(component, OccludedPhoto);

class OccludedPhoto {
  constructor(root) {
    const find = (name) => root.querySelector(name);
    this.stage = find(".stage");
    this.photo = find(".photo");
    this.map = find(".map");
    this.square = find(".square");
    this.bar = find(".bar");
    this.fill = find(".fill");
    this.name = find(".name");
    this.value = find(".value");
    this.says = find(".says");
    this.legend = find(".legend");
    this.place = [0.5, 0.5];
    this.mode = "photo";
    this.makeModes(find(".modes"));
    this.onPlace = (event) => this.setPlace(event.detail);
    this.onMode = (event) => this.setMode(event.detail);
    this.stage.onpointerdown = (event) => {
      this.stage.setPointerCapture(event.pointerId);
      this.drag(event);
    };
    this.stage.onpointermove = (event) => event.buttons && this.drag(event);
    this.stage.onkeydown = (event) => this.onKey(event);
  }

  open() {
    document.addEventListener(PLACE, this.onPlace);
    document.addEventListener(MODE, this.onMode);
  }

  close() {
    document.removeEventListener(PLACE, this.onPlace);
    document.removeEventListener(MODE, this.onMode);
  }

  makeModes(box) {
    this.buttons = Object.entries(MODES).map(([mode, title]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("role", "radio");
      button.textContent = title;
      button.dataset.mode = mode;
      button.onclick = () => tell(MODE, mode);
      box.append(button);
      return button;
    });
  }

  show(data) {
    const { header, parts } = readFrame(data);
    this.header = header;
    this.places = header.starts.length;
    this.probabilities = halfFloats(parts.probabilities);
    this.activations = halfFloats(parts.activations);
    const view = new DataView(parts.tops.buffer, parts.tops.byteOffset, parts.tops.byteLength);
    this.tops = Array.from({ length: this.places ** 2 }, (_, i) => view.getInt16(2 * i, true));
    this.colours = parts.colours.slice();
    this.drawPhoto(parts.photo);
    this.setMode(this.mode);
  }

  async drawPhoto(jpeg) {
    await drawJpeg(this.photo, jpeg, SIDE);
    this.stage.dataset.painted = this.header.target;
  }

  setMode(mode) {
    this.mode = mode;
    for (const button of this.buttons) {
      button.setAttribute("aria-checked", button.dataset.mode === mode);
    }
    this.drawMap();
    setText(this.legend, this.legendText());
    this.setPlace(this.place);
  }

  // One cell a place, drawn where the square's middle was.
  drawMap() {
    const { places, header } = this;
    this.map.width = this.map.height = places;
    this.map.hidden = this.mode === "photo";
    const first = header.starts[0] + header.square / 2;
    const step = places > 1 ? header.starts[1] - header.starts[0] : header.size;
    const at = 100 * (first - step / 2) / header.size, wide = 100 * places * step / header.size;
    Object.assign(this.map.style, {
      left: `${at}%`, top: `${at}%`, width: `${wide}%`, height: `${wide}%`,
    });
    const image = new ImageData(places, places);
    this.tops.forEach((top, i) => image.data.set(top < 0 ? [0, 0, 0, 0] : this.colour(i), 4 * i));
    this.map.getContext("2d").putImageData(image, 0, 0);
  }

  colour(i) {
    if (this.mode === "top") return [...hue(this.tops[i]), 200];
    const value = this.mode === "feature" ? this.activations[i] : this.probabilities[i];
    const at = 3 * Math.round(255 * Math.max(0, Math.min(1, value)));
    return [...this.colours.subarray(at, at + 3), 200];
  }

  legendText() {
    const { header } = this;
    const name = header.classes[header.target];
    switch (this.mode) {
      case "probability":
        return `Probability of ${name} with the square's middle there: blue 0, yellow 1.`;
      case "top":
        return "Most probable class with the square's middle there; one colour a class.";
      case "feature":
        return `Sum of ${header.feature}, the strongest one: blue 0, yellow ` +
          `${short(header.unit)} (${short(header.activation)} without the square).`;
    }
    return "Drag the square, or use the arrow keys.";
  }

  drag(event) {
    const box = this.stage.getBoundingClientRect();
    const inside = (value) => Math.max(0, Math.min(1, value));
    tell(PLACE, [
      inside((event.clientX - box.left) / box.width),
      inside((event.clientY - box.top) / box.height),
    ]);
  }

  onKey(event) {
    const step = {
      ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
    }[event.key];
    if (!step) return;
    event.preventDefault();
    const { header } = this;
    const middle = (at) => (header.starts[at] + header.square / 2) / header.size;
    const move = (share, by) =>
      middle(Math.max(0, Math.min(this.places - 1, this.nearest(share) + by)));
    tell(PLACE, [move(this.place[0], step[0]), move(this.place[1], step[1])]);
  }

  nearest(share) {
    const { header } = this;
    const wanted = share * header.size - header.square / 2;
    let best = 0;
    header.starts.forEach((start, at) => {
      if (Math.abs(start - wanted) < Math.abs(header.starts[best] - wanted)) best = at;
    });
    return best;
  }

  setPlace(place) {
    this.place = place;
    const { header } = this;
    const column = this.nearest(place[0]), row = this.nearest(place[1]);
    const at = row * this.places + column;
    const end = (start) => Math.min(start + header.square, header.size) - start;
    const share = (value) => `${100 * value / header.size}%`;
    Object.assign(this.square.style, {
      left: share(header.starts[column]), top: share(header.starts[row]),
      width: share(end(header.starts[column])), height: share(end(header.starts[row])),
      background: this.mode === "photo" ? FILLS[header.fill] : "none",
      backdropFilter: header.fill === "blurred" && this.mode === "photo" ? "blur(10px)" : "none",
    });
    this.tellPlace(at);
  }

  tellPlace(at) {
    const { header } = this;
    const name = header.classes[header.target], top = this.tops[at];
    const known = top >= 0;
    const value = known ? this.probabilities[at] : header.probability;
    this.fill.style.width = `${100 * value}%`;
    setText(this.name, name);
    setText(this.value, known ? percent(value) : "not computed yet");
    const other = known && top !== header.top;
    this.says.classList.toggle("other", other);
    setText(this.says, `${percent(header.probability)} without the square. ` + (!known ? ""
      : `Most probable ${other ? "now" : "still"}: ${header.classes[top]}.`));
    this.stage.setAttribute("aria-label", `${header.label}: photo with a square; ${name} ` +
      `${known ? percent(value) : "not computed yet"}. Arrow keys move the square.`);
  }
}

// Neighbouring classes get far hues: the golden angle.
function hue(index) {
  const angle = (index * 137.508) % 360, lightness = 0.5 + 0.12 * (index % 3 - 1);
  const channel = (n) => {
    const k = (n + angle / 30) % 12;
    const amplitude = 0.65 * Math.min(lightness, 1 - lightness);
    return Math.round(255 * (lightness - amplitude * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}

function tell(name, detail) {
  document.dispatchEvent(new CustomEvent(name, { detail }));
}
