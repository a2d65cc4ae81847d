// A box drawn over a photo. Dragging draws one, inside the box moves it, at a corner resizes it;
// arrow keys move it, with Shift they resize it. Python hears of it when the drag or a pause ends.

const SIDE = 448; // px of the canvas
const BOX = "vgg-viz:box"; // the page's overlays draw it at once
const LEAST = 0.02; // of the side; anything smaller was a click
const NEAR = 18; // px around a corner that take hold of it
const STEP = 0.02;
const PAUSE = 400; // ms after the last key
const MIDDLE = [0.25, 0.25, 0.75, 0.75];

export default (component) => mount(component, DrawnBox);

class DrawnBox {
  constructor(root) {
    const find = (name) => root.querySelector(name);
    this.stage = find(".stage");
    this.canvas = find("canvas");
    this.frame = find(".box");
    this.says = find(".says");
    this.clear = find("button");
    this.box = null;
    this.stage.onpointerdown = (event) => this.take(event);
    this.stage.onpointermove = (event) => this.drag?.(this.pointAt(event));
    this.stage.onpointerup = () => this.drop();
    this.stage.onpointercancel = () => this.drop();
    this.stage.onkeydown = (event) => this.onKey(event);
    this.clear.onclick = () => this.finish(null);
  }

  close() { clearTimeout(this.timer); }

  show(data) {
    const { header, parts } = readFrame(data);
    this.label = header.label;
    this.drawPhoto(parts.photo);
    if (!this.drag && !this.timer) this.set(header.box);
  }

  async drawPhoto(jpeg) {
    await drawJpeg(this.canvas, jpeg, SIDE);
    this.stage.dataset.painted = "photo";
  }

  set(box) {
    this.box = box;
    this.frame.hidden = this.clear.hidden = !box;
    if (box) {
      const [left, top, right, bottom] = box;
      Object.assign(this.frame.style, {
        left: `${100 * left}%`, top: `${100 * top}%`,
        width: `${100 * (right - left)}%`, height: `${100 * (bottom - top)}%`,
      });
    }
    setText(this.says, box ? this.words(box) : "Drag a box around the object.");
    this.stage.setAttribute("aria-label", `${this.label}. ` + (box ? `Box ${this.words(box)}. ` : "") +
      "Enter draws a box in the middle, arrow keys move it, with Shift they resize it, " +
      "Delete clears it.");
  }

  words([left, top, right, bottom]) {
    const whole = (share) => Math.round(100 * share);
    return `${whole(right - left)} × ${whole(bottom - top)} % at ${whole(left)}, ${whole(top)} %`;
  }

  pointAt(event) {
    const place = this.stage.getBoundingClientRect();
    return [
      inside((event.clientX - place.left) / place.width),
      inside((event.clientY - place.top) / place.height),
    ];
  }

  take(event) {
    if (event.button) return;
    this.stage.setPointerCapture(event.pointerId);
    this.before = this.box;
    const start = this.pointAt(event);
    const corner = this.box && this.cornerAt(start);
    if (corner) {
      this.drag = (point) => this.tell(between(corner, point)); // from the opposite corner
    } else if (this.box && within(start, this.box)) {
      const box = this.box;
      this.drag = ([x, y]) => this.tell(moved(box, x - start[0], y - start[1]));
    } else {
      this.drag = (point) => this.tell(between(start, point));
    }
  }

  // The corner that stays when the one near `point` is dragged.
  cornerAt([x, y]) {
    const [left, top, right, bottom] = this.box;
    const near = NEAR / this.stage.getBoundingClientRect().width;
    for (const [atX, otherX] of [[left, right], [right, left]]) {
      for (const [atY, otherY] of [[top, bottom], [bottom, top]]) {
        if (Math.max(Math.abs(x - atX), Math.abs(y - atY)) < near) return [otherX, otherY];
      }
    }
    return null;
  }

  drop() {
    if (!this.drag) return;
    this.drag = null;
    if (this.box && large(this.box)) this.finish(this.box);
    else this.tell(this.before);
  }

  tell(box) {
    this.set(box);
    document.dispatchEvent(new CustomEvent(BOX, { detail: box }));
  }

  finish(box) {
    clearTimeout(this.timer);
    this.timer = null;
    const sent = box && box.map((share) => Math.round(1000 * share) / 1000);
    this.tell(sent);
    this.send("drawn", { box: sent });
  }

  onKey(event) {
    const step = {
      ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP],
    }[event.key];
    if (event.key === "Enter" && !this.box) return this.finish(MIDDLE);
    if ((event.key === "Delete" || event.key === "Backspace") && this.box) return this.finish(null);
    if (!step || !this.box) return;
    event.preventDefault();
    const [left, top, right, bottom] = this.box;
    const box = event.shiftKey
      ? [left, top, inside(right + step[0]), inside(bottom + step[1])] : moved(this.box, ...step);
    if (!large(box)) return;
    this.tell(box);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.finish(this.box), PAUSE);
  }
}

function inside(share) { return Math.max(0, Math.min(1, share)); }

function between([x0, y0], [x1, y1]) {
  return [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)];
}

function within([x, y], [left, top, right, bottom]) {
  return x > left && x < right && y > top && y < bottom;
}

function large([left, top, right, bottom]) { return right - left > LEAST && bottom - top > LEAST; }

function moved([left, top, right, bottom], dx, dy) {
  const x = Math.max(-left, Math.min(1 - right, dx)), y = Math.max(-top, Math.min(1 - bottom, dy));
  return [left + x, top + y, right + x, bottom + y];
}
