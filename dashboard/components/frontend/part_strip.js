// Photos beside one another, a square on each: drag it, or focus the photo and use the arrow keys;
// the slider below, + and − change its size. Python is told when a hand lets go.

const PART_SETTLE = 350; // ms: holding a key asks once
const PART_LATE = 3000; // ms after which an answer that never came is not waited for

export default function ({ data, parentElement, setTriggerValue }) {
  const list = parentElement.querySelector("ul");
  const { header, parts } = readFrame(data);
  const names = header.photos.map((photo) => photo.image).join();
  if (list.dataset.names !== names) {
    list.dataset.names = names;
    list.replaceChildren(...header.photos.map((photo, i) => partItem(photo, parts[i])));
  }
  const send = (what, value) => setTriggerValue(what, value);
  header.photos.forEach((photo, i) => list.children[i].square.show(photo, header, send));
  list.dataset.painted = "";
}

function partItem(photo, jpeg) {
  const item = document.createElement("li");
  item.square = new PartOfPhoto(item, photo, jpeg);
  return item;
}

class PartOfPhoto {
  constructor(item, { image, title }, jpeg) {
    this.image = image;
    this.title = title;
    this.head = element("div", "head");
    const name = element("span", "name");
    name.textContent = title;
    this.gone = element("button", "gone");
    this.gone.textContent = "×";
    this.gone.setAttribute("aria-label", `Remove ${title}`);
    this.head.append(name, this.gone);
    this.stage = element("div", "stage");
    this.stage.tabIndex = 0;
    this.stage.setAttribute("role", "group");
    const picture = document.createElement("img");
    picture.alt = title;
    picture.draggable = false;
    picture.src = URL.createObjectURL(new Blob([jpeg], { type: "image/jpeg" }));
    picture.onload = () => URL.revokeObjectURL(picture.src);
    this.square = element("div", "square");
    this.stage.append(picture, this.square);
    this.size = document.createElement("input");
    this.size.type = "range";
    this.size.step = 1;
    this.size.setAttribute("aria-label", `Size of the square on ${title}, %`);
    item.append(this.head, this.stage, this.size);
    this.stage.onpointerdown = (event) => this.grab(event);
    this.stage.onpointermove = (event) => this.held && this.put(event);
    this.stage.onpointerup = () => this.drop();
    this.stage.onpointercancel = () => this.drop();
    this.stage.onkeydown = (event) => this.onKey(event);
    this.size.oninput = () => this.move({ side: this.size.value / 100 });
    this.size.onchange = () => this.tell();
  }

  show({ x, y, side }, { least, most, removable }, send) {
    this.send = send;
    [this.least, this.most] = [least, most];
    this.size.min = Math.round(100 * least);
    this.size.max = Math.round(100 * most);
    this.gone.hidden = !removable;
    this.gone.onclick = () => send("removed", this.image);
    // A late answer to an earlier move must not undo a later one.
    const answered = this.waiting && same(this.waiting, { x, y, side });
    if (answered) this.waiting = null;
    if (!this.held && (!this.waiting || performance.now() > this.until)) {
      this.waiting = null;
      this.move({ x, y, side });
    }
  }

  move(changes) {
    const { x, y, side } = { ...this.at, ...changes };
    const clamped = Math.max(this.least, Math.min(this.most, side));
    const inside = (share) => Math.max(clamped / 2, Math.min(1 - clamped / 2, share));
    this.at = { x: round(inside(x)), y: round(inside(y)), side: round(clamped) };
    const percent = (share) => `${100 * share}%`;
    this.square.style.left = percent(this.at.x - this.at.side / 2);
    this.square.style.top = percent(this.at.y - this.at.side / 2);
    this.square.style.width = this.square.style.height = percent(this.at.side);
    this.size.value = Math.round(100 * this.at.side);
    const said = [this.at.x, this.at.y, this.at.side].map((share) => Math.round(100 * share));
    this.stage.setAttribute("aria-label", `${this.title}: square at ${said[0]} % across, `
      + `${said[1]} % down, ${said[2]} % wide; arrow keys move it, plus and minus resize it`);
  }

  grab(event) {
    this.held = true;
    this.stage.setPointerCapture(event.pointerId);
    this.put(event);
  }

  put(event) {
    const box = this.stage.getBoundingClientRect();
    this.move({
      x: (event.clientX - box.left) / box.width,
      y: (event.clientY - box.top) / box.height,
    });
  }

  drop() {
    if (!this.held) return;
    this.held = false;
    this.tell();
  }

  onKey(event) {
    const step = event.shiftKey ? 0.05 : 0.01;
    const change = {
      ArrowLeft: { x: this.at.x - step }, ArrowRight: { x: this.at.x + step },
      ArrowUp: { y: this.at.y - step }, ArrowDown: { y: this.at.y + step },
      "+": { side: this.at.side + step }, "-": { side: this.at.side - step },
    }[event.key];
    if (!change) return;
    event.preventDefault();
    this.move(change);
    this.tell(PART_SETTLE);
  }

  tell(patience = 0) {
    this.waiting = { ...this.at };
    this.until = performance.now() + patience + PART_LATE;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.send("moved", { image: this.image, ...this.at }), patience);
  }
}

function round(share) { return Math.round(1000 * share) / 1000; }

function same(a, b) { return ["x", "y", "side"].every((name) => Math.abs(a[name] - b[name]) < 1e-6); }

function element(tag, name) {
  const made = document.createElement(tag);
  made.className = name;
  return made;
}
