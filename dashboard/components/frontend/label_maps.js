// A row of photos with a class for every pixel. Pointing at one shows the class and its probability
// at the same place of all of them, also of the other network; nothing is asked of the server.

const POINT = "vgg-viz:label-point";
const OPACITY = "vgg-viz:label-opacity";
const NOTHING = 255; // as in vgg_viz/figures/segmentation_pictures.py
const FADE = 4; // as in overlay.js: full opacity from a quarter of the scale on
const STEP = 0.03; // share of a picture, of an arrow key

export default (component) => mount(component, LabelMaps);

class LabelMaps {
  constructor(root) {
    this.row = root.querySelector(".row");
    this.slider = root.querySelector("input");
    this.opacity = root.querySelector(".opacity");
    this.pictures = [];
    this.onPoint = (event) => this.setPoint(event.detail);
    this.onOpacity = (event) => this.setOpacity(event.detail);
    this.slider.oninput = () => {
      try { sessionStorage.setItem(OPACITY, this.slider.value); } catch { /* may refuse */ }
      tell(OPACITY, Number(this.slider.value));
    };
    this.setOpacity(remembered());
  }

  open() {
    document.addEventListener(POINT, this.onPoint);
    document.addEventListener(OPACITY, this.onOpacity);
  }

  close() {
    document.removeEventListener(POINT, this.onPoint);
    document.removeEventListener(OPACITY, this.onOpacity);
  }

  show(data) {
    const { header, parts } = readFrame(data);
    this.opacity.hidden = !header.slider;
    this.places = header.places;
    this.heat = parts.heat.slice();
    while (this.pictures.length > header.pictures.length) this.pictures.pop().figure.remove();
    while (this.pictures.length < header.pictures.length) this.pictures.push(this.made());
    header.pictures.forEach((described, at) => {
      const picture = this.pictures[at];
      picture.described = described;
      picture.labels = parts[`labels${at}`].slice();
      picture.shares = parts[`shares${at}`].slice();
      this.draw(picture, parts[`photo${at}`], header.label);
    });
    this.setOpacity(Number(this.slider.value));
    this.setPoint(null);
  }

  made() {
    const figure = document.createElement("figure");
    figure.innerHTML = `<p class="name"></p>
      <div class="stage" role="img" tabindex="0">
        <canvas class="photo"></canvas><canvas class="map"></canvas>
        <div class="names"></div><div class="mark" hidden></div><div class="point" hidden></div>
      </div>
      <p class="says" aria-live="polite"></p>`;
    this.row.append(figure);
    const find = (name) => figure.querySelector(name);
    const picture = {
      figure, stage: find(".stage"), photo: find(".photo"), map: find(".map"),
      names: find(".names"), mark: find(".mark"), point: find(".point"), name: find(".name"), says: find(".says"),
    };
    picture.stage.onpointermove = (event) => {
      const box = picture.stage.getBoundingClientRect();
      tell(POINT, [(event.clientX - box.left) / box.width,
        (event.clientY - box.top) / box.height].map(inside));
    };
    picture.stage.onpointerdown = picture.stage.onpointermove;
    picture.stage.onclick = () => this.places && this.place && this.tellPlace();
    picture.stage.onpointerleave = () => tell(POINT, null);
    picture.stage.onblur = () => tell(POINT, null);
    picture.stage.onkeydown = (event) => this.onKey(event);
    return picture;
  }

  tellPlace() {
    const [x, y] = this.place;
    this.send("placed", { x, y });
  }

  async draw(picture, jpeg, label) {
    const { described } = picture, [width, height] = described.size;
    setText(picture.name, described.name);
    picture.stage.style.aspectRatio = `${width} / ${height}`;
    picture.stage.setAttribute("aria-label", summary(picture, label));
    picture.mark.hidden = !described.mark;
    if (described.mark) {
      picture.mark.style.left = `${100 * described.mark[0]}%`;
      picture.mark.style.top = `${100 * described.mark[1]}%`;
    }
    this.drawMap(picture);
    picture.names.replaceChildren(...Object.entries(described.anchors).map(([index, [x, y]]) => {
      const name = document.createElement("span");
      name.textContent = described.classes[index];
      name.style.left = `clamp(1.5rem, ${100 * x}%, calc(100% - 1.5rem))`; // not cut off
      name.style.top = `${100 * y}%`;
      return name;
    }));
    const bitmap = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
    picture.photo.width = width;
    picture.photo.height = height;
    picture.photo.getContext("2d").drawImage(bitmap, 0, 0, width, height);
    bitmap.close();
    picture.stage.dataset.painted = described.name;
  }

  drawMap({ described, labels, shares, map }) {
    const [width, height] = described.size;
    map.width = width;
    map.height = height;
    map.hidden = !described.drawn;
    const image = new ImageData(width, height), { data } = image;
    for (let i = 0, at = 0; i < labels.length; i++, at += 4) {
      const label = labels[i];
      if (label === NOTHING || (described.clear[label] && !described.fades)) continue;
      const share = shares[i];
      const [red, green, blue] = described.heat
        ? this.heat.subarray(3 * share, 3 * share + 3) : described.colours[label];
      data[at] = red;
      data[at + 1] = green;
      data[at + 2] = blue;
      data[at + 3] = described.heat ? Math.min(255, FADE * share) : described.fades ? share : 255;
    }
    map.getContext("2d").putImageData(image, 0, 0);
  }

  setOpacity(value) {
    this.slider.value = value;
    this.slider.title = `${value} % opacity, in all pictures`;
    for (const { map } of this.pictures) map.style.opacity = value / 100;
  }

  onKey(event) {
    const step = {
      ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP],
    }[event.key];
    if (event.key === "Escape") tell(POINT, null);
    if (event.key === "Enter" && this.places && this.place) this.tellPlace();
    if (!step) return;
    event.preventDefault();
    tell(POINT, (this.place ?? [0.5, 0.5]).map((at, axis) => inside(at + step[axis])));
  }

  setPoint(place) {
    this.place = place;
    for (const picture of this.pictures) {
      const { described, labels, shares, point, says } = picture;
      point.hidden = !place;
      if (!place) {
        setText(says, described.note);
        continue;
      }
      point.style.left = `${100 * place[0]}%`;
      point.style.top = `${100 * place[1]}%`;
      const [width, height] = described.size;
      const at = Math.floor(place[1] * height) * width + Math.floor(place[0] * width);
      const label = labels[at];
      setText(says, !described.drawn ? described.note : label === NOTHING ? "–"
        : `${described.classes[label]} ${percent(shares[at] / 255)}${described.unit}`);
    }
  }
}

function summary({ described, labels }, label) {
  const shares = new Map();
  for (const each of labels) shares.set(each, (shares.get(each) ?? 0) + 1);
  const said = [...shares].filter(([each]) => each !== NOTHING).sort((a, b) => b[1] - a[1])
    .slice(0, 4).map(([each, count]) =>
      `${described.classes[each]} ${percent(count / labels.length)}`);
  const what = !described.drawn || described.fades || !said.length ? described.note
    : `${said.join(", ")} of the pixels`;
  return `${label}, ${described.name}: ${what}. Arrow keys read single places.`;
}

function inside(share) { return Math.max(0, Math.min(0.9999, share)); }

function tell(name, detail) { document.dispatchEvent(new CustomEvent(name, { detail })); }

function remembered() {
  try { return Number(sessionStorage.getItem(OPACITY) ?? 65); } catch { return 65; }
}
