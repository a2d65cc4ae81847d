// Proposals over a photo: thresholds and non-maximum suppression are computed here, on every move
// of a slider, from boxes and scores that came once. Detection.kept in Python is the same rule.

const LOOK = "vgg-viz:detection";
const WIDE = 960; // px of the photo's canvas at most
const HIGH = 27; // rem of the photo on the page at most
const LISTED = 10; // objects named below the photo
const STEPS = ["proposals", "scored", "suppressed", "refined"];

export default (component) => mount(component, DetectionPhoto);

class DetectionPhoto {
  constructor(root) {
    const find = (name) => root.querySelector(name);
    this.stage = find(".stage");
    this.photo = find(".photo");
    this.canvas = find(".boxes");
    this.empty = find(".empty");
    this.says = find(".says");
    this.list = find(".found");
    this.under = -1;
    this.onLook = (event) => { if (!this.header?.fixed) this.setLook(event.detail); };
    this.stage.onpointermove = (event) => this.point(this.at(event));
    this.stage.onpointerleave = () => this.point(null);
    this.stage.onclick = (event) => this.choose(this.shownAt(this.at(event)));
    this.stage.onkeydown = (event) => this.onKey(event);
    this.sizes = new ResizeObserver(() => this.draw());
  }

  open() {
    document.addEventListener(LOOK, this.onLook);
    this.sizes.observe(this.stage);
  }

  close() {
    document.removeEventListener(LOOK, this.onLook);
    this.sizes.disconnect();
  }

  show(data) {
    const { header, parts } = readFrame(data);
    this.header = header;
    const floats = (bytes) => new Float32Array(bytes.slice().buffer);
    this.boxes = floats(parts.boxes);
    this.scores = floats(parts.scores);
    this.refined = floats(parts.refined);
    const ratio = header.width / header.height;
    this.stage.style.aspectRatio = ratio;
    this.stage.style.width = `min(100%, ${HIGH * ratio}rem)`;
    this.empty.hidden = !header.empty;
    setText(this.empty, header.empty);
    this.drawPhoto(parts.photo);
    this.setLook({ step: header.step, least: header.least, overlap: header.overlap });
  }

  async drawPhoto(jpeg) {
    const bitmap = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
    const scale = Math.min(1, WIDE / Math.max(bitmap.width, bitmap.height));
    this.photo.width = Math.max(1, Math.round(bitmap.width * scale));
    this.photo.height = Math.max(1, Math.round(bitmap.height * scale));
    this.photo.getContext("2d").drawImage(bitmap, 0, 0, this.photo.width, this.photo.height);
    bitmap.close();
    this.stage.dataset.painted = "photo";
  }

  setLook(look) {
    this.look = look;
    this.rank();
    this.shown = this.drawn();
    this.draw();
    this.tell();
  }

  // What each step leaves: {proposal, label, score}, best first.
  rank() {
    const { header, scores, look } = this;
    const classes = header.classes.length;
    this.above = [];
    this.best = [];
    for (let i = 0; i < header.count; i++) {
      let top = 0;
      for (let k = 1; k < classes; k++) {
        if (scores[i * classes + k] > scores[i * classes + top]) top = k;
      }
      const score = scores[i * classes + top];
      this.best.push({ proposal: i, label: top, score });
      if (score >= look.least) this.above.push(this.best[i]);
    }
    this.kept = header.classes.flatMap((_, k) => this.suppressed(k));
    this.kept.sort((a, b) => b.score - a.score);
  }

  suppressed(label) {
    const { header, scores, look } = this;
    const classes = header.classes.length;
    let left = [];
    for (let i = 0; i < header.count; i++) {
      const score = scores[i * classes + label];
      if (score >= look.least) left.push({ proposal: i, label, score });
    }
    left.sort((a, b) => b.score - a.score || a.proposal - b.proposal);
    const kept = [];
    while (left.length) {
      const best = left[0];
      kept.push(best);
      left = left.slice(1).filter((each) => this.iou(best.proposal, each.proposal) <= look.overlap);
    }
    return kept;
  }

  iou(a, b) {
    const p = this.boxes.subarray(4 * a, 4 * a + 4), q = this.boxes.subarray(4 * b, 4 * b + 4);
    const across = Math.max(0, Math.min(p[2], q[2]) - Math.max(p[0], q[0]));
    const down = Math.max(0, Math.min(p[3], q[3]) - Math.max(p[1], q[1]));
    const inner = across * down;
    const union = (p[2] - p[0]) * (p[3] - p[1]) + (q[2] - q[0]) * (q[3] - q[1]) - inner;
    return union > 0 ? inner / union : 0;
  }

  drawn() {
    switch (this.look.step) {
      case "proposals": return this.best;
      case "scored": return [...this.above].sort((a, b) => b.score - a.score);
      default: return this.kept;
    }
  }

  boxOf({ proposal, label }, refined) {
    const at = refined ? 4 * (proposal * this.header.classes.length + label) : 4 * proposal;
    return (refined ? this.refined : this.boxes).subarray(at, at + 4);
  }

  draw() {
    if (!this.header) return;
    const place = this.stage.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.max(1, Math.round(place.width * ratio));
    this.canvas.height = Math.max(1, Math.round(place.height * ratio));
    const pen = this.canvas.getContext("2d");
    const scale = this.canvas.width / this.header.width;
    const line = (box, colour, width, dash = []) => {
      const [x0, y0, x1, y1] = [...box].map((value) => value * scale);
      pen.setLineDash(dash.map((value) => value * ratio));
      pen.lineWidth = width * ratio;
      pen.strokeStyle = colour;
      pen.strokeRect(x0, y0, x1 - x0, y1 - y0);
    };
    const framed = (box, colour, width) => { // readable on any photo
      line(box, "rgb(0 0 0 / 70%)", width + 2);
      line(box, colour, width);
    };
    const { step } = this.look;
    const refined = step === "refined";
    const colour = ({ label }) => this.header.colours[label];
    if (step === "proposals") {
      for (const each of this.shown) line(this.boxOf(each), "rgb(255 255 255 / 45%)", 1);
    } else if (step === "scored") {
      for (const each of this.best) line(this.boxOf(each), "rgb(255 255 255 / 12%)", 1);
      for (const each of [...this.shown].reverse()) framed(this.boxOf(each), colour(each), 1.5);
    } else {
      if (step === "suppressed") {
        for (const each of this.above) line(this.boxOf(each), "rgb(255 255 255 / 45%)", 1, [3, 3]);
      }
      for (const each of [...this.shown].reverse()) {
        if (refined) line(this.boxOf(each), "rgb(255 255 255 / 70%)", 1.5, [5, 4]);
        framed(this.boxOf(each, refined), colour(each), 3);
      }
      for (const each of [...this.shown].reverse()) this.name(pen, each, refined, scale, ratio);
    }
    const chosen = this.header.chosen;
    if (chosen) framed(chosen.box, "#FFFFFF", 2);
    if (this.under >= 0 && this.shown[this.under]) {
      framed(this.boxOf(this.shown[this.under], refined), colour(this.shown[this.under]), 4);
      this.name(pen, this.shown[this.under], refined, scale, ratio);
    }
    this.stage.dataset.step = step;
    this.stage.dataset.shown = this.shown.length;
  }

  name(pen, each, refined, scale, ratio) {
    const text = this.title(each);
    const [x, y] = this.boxOf(each, refined);
    pen.font = `600 ${14 * ratio}px sans-serif`;
    const width = pen.measureText(text).width + 8 * ratio, height = 20 * ratio;
    const left = Math.max(0, Math.min(x * scale, this.canvas.width - width));
    const top = Math.max(0, Math.min(y * scale, this.canvas.height - height));
    pen.fillStyle = "rgb(0 0 0 / 80%)";
    pen.fillRect(left, top, width, height);
    pen.fillStyle = this.header.colours[each.label];
    pen.fillRect(left, top, 4 * ratio, height);
    pen.fillStyle = "#FFFFFF";
    pen.textBaseline = "middle";
    pen.fillText(text, left + 6 * ratio, top + height / 2);
  }

  title({ label, score }) { return `${this.header.classes[label]} ${signed(score)}`; }

  tell() {
    const { header, look } = this;
    if (header.fixed) { // boxes that came suppressed: nothing to step through or look into
      const noun = header.count === 1 ? "object" : "objects";
      setText(this.says, `${header.count} ${noun} with a score of at least ${signed(look.least)}.`);
      this.stage.setAttribute("aria-label", `${header.label}: ${this.says.textContent} ` +
        "Arrow keys go through the boxes.");
      this.makeList([]);
      return;
    }
    const waiting = header.done < header.count ? `, ${header.done} scored so far` : "";
    const counts = [
      `${header.count} proposals${waiting}`,
      `${this.above.length} with a score of at least ${signed(look.least)}`,
      `${this.kept.length} left after suppression`,
      "moved by box regression",
    ];
    const upTo = STEPS.indexOf(look.step) + 1;
    const nothing = look.step !== "proposals" && header.count && !this.kept.length
      ? " No object here: lower the score to see what comes nearest." : "";
    setText(this.says, header.count ? `${counts.slice(0, upTo).join(" → ")}.${nothing}` : "No proposals.");
    this.stage.setAttribute("aria-label", `${header.label}: ${this.says.textContent} ` +
      "Arrow keys go through the boxes, Enter looks into one.");
    this.makeList(upTo > 2 ? this.kept : []);
  }

  makeList(objects) {
    const buttons = objects.slice(0, LISTED).map((each) => {
      const button = document.createElement("button");
      button.type = "button";
      const dot = document.createElement("i");
      dot.style.background = this.header.colours[each.label];
      button.append(dot, this.title(each));
      button.onclick = () => this.choose(this.kept.indexOf(each));
      return button;
    });
    this.list.replaceChildren(...buttons);
    if (objects.length > LISTED) this.list.append(`and ${objects.length - LISTED} more`);
  }

  at(event) {
    const place = this.stage.getBoundingClientRect();
    return [
      (event.clientX - place.left) / place.width * this.header.width,
      (event.clientY - place.top) / place.height * this.header.height,
    ];
  }

  // The smallest box that holds the point.
  shownAt([x, y]) {
    let found = -1, least = Infinity;
    this.shown.forEach((each, i) => {
      const [x0, y0, x1, y1] = this.boxOf(each, this.look.step === "refined");
      const area = (x1 - x0) * (y1 - y0);
      if (x >= x0 && x <= x1 && y >= y0 && y <= y1 && area < least) [found, least] = [i, area];
    });
    return found;
  }

  point(place) {
    if (!this.header) return;
    const under = place ? this.shownAt(place) : -1;
    if (under === this.under) return;
    this.under = under;
    this.stage.style.cursor = under >= 0 && !this.header.fixed ? "pointer" : "default";
    this.draw();
  }

  choose(at) {
    const each = this.shown[at];
    if (!each || this.header.fixed || Number.isNaN(each.score)) return;
    const box = [...this.boxOf(each)].map((value) => Math.round(10 * value) / 10);
    this.send("chosen", { box, name: this.header.classes[each.label] });
  }

  onKey(event) {
    if (event.key === "Enter") { this.choose(this.under); return; }
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step || !this.shown.length) return;
    event.preventDefault();
    const count = this.shown.length;
    this.under = this.under < 0 ? (step > 0 ? 0 : count - 1) : (this.under + step + count) % count;
    setText(this.says, `${this.title(this.shown[this.under])}, box ${this.under + 1} of ${count}.`);
    this.draw();
  }
}

function signed(value) { return Number.isNaN(value) ? "–" : value.toFixed(2).replace("-", "−"); }
