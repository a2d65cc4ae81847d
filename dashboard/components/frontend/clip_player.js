// A clip beside the maps of one channel of each network. Scrubbing, playing, channels and curves
// stay here; Python hears which channel was chosen.

const PHOTO = 320; // px

export default (component) => mount(component, ClipPlayer);

class ClipPlayer {
  constructor(root) {
    const find = (name) => root.querySelector(name);
    this.figure = find("figure");
    this.slider = find("input");
    this.output = find("output");
    this.speed = find(".speed");
    this.pictures = find(".pictures");
    this.curves = find(".curves");
    this.live = find(".live");
    this.buttons = Object.fromEntries([...root.querySelectorAll("[data-go]")].map((b) => [b.dataset.go, b]));
    this.at = 0;
    this.slider.oninput = () => { this.pause(); this.go(Number(this.slider.value)); };
    this.buttons.back.onclick = () => { this.pause(); this.go(this.at - 1); };
    this.buttons.next.onclick = () => { this.pause(); this.go(this.at + 1); };
    this.buttons.play.onclick = () => (this.playing ? this.pause() : this.play());
    this.figure.onkeydown = (event) => this.onKey(event);
    this.observer = new ResizeObserver(() => this.header && this.draw());
  }

  open() { this.observer.observe(this.figure); }

  close() {
    this.pause();
    this.observer.disconnect();
  }

  show(data) {
    if (data === this.data) {
      this.draw(); // another theme
      return;
    }
    const { header, parts } = readFrame(data);
    const same = this.header && String(this.header.photos) === String(header.photos);
    this.data = data;
    this.header = header;
    this.count = header.photos.length;
    this.slider.max = this.count - 1;
    if (!same) {
      this.pause();
      this.at = 0;
      this.curve = "means";
      this.name = header.classes[0];
    }
    if (!header.classes.includes(this.name)) this.name = header.classes[0];
    this.at = Math.min(this.at, this.count - 1);
    this.chosen = header.sides.map((side) => side.chosen);
    this.tables = header.sides.map((side) => words(side.signed ? parts.diverging : parts.colours));
    this.maps = header.sides.map((_, i) => parts[`maps${i}`]);
    this.build();
    if (!same) this.decode(parts.photos);
    this.draw();
  }

  async decode(bytes) {
    let from = 0;
    const files = this.header.photos.map((size) => bytes.subarray(from, from += size));
    const bitmaps = await Promise.all(files.map((file) => createImageBitmap(new Blob([file], { type: "image/jpeg" }))));
    this.photos = bitmaps;
    this.draw();
    this.figure.dataset.painted = this.count;
  }

  // --- what stands there ----------------------------------------------------------------------

  build() {
    const { sides } = this.header;
    this.photo = element("canvas", "photo", { role: "img", width: PHOTO, height: PHOTO });
    this.cells = sides.map((side, i) => this.cell(side, i));
    const first = element("div", "cell");
    first.append(this.photo, element("p", "name", {}, "The clip"), element("p", "gray", {}, "The square that the networks see of each frame"));
    this.pictures.replaceChildren(first, ...this.cells.map((cell) => cell.box));
    this.charts = [this.strength(), this.probability()];
    this.curves.replaceChildren(...this.charts.map((chart) => chart.box));
  }

  cell(side, i) {
    const box = element("div", "cell");
    const canvas = element("canvas", "map", { role: "img", width: PHOTO, height: PHOTO });
    const name = element("p", "name"), value = element("p", "gray"), scale = element("p", "gray");
    const channels = element("div", "channels", { role: "group", "aria-label": `Channels of ${side.layer}` });
    const thumbs = side.channels.map((channel, at) => {
      const button = element("button", "", { type: "button", title: `Channel ${channel}` });
      const thumb = element("canvas", "", { width: side.size, height: side.size });
      button.append(thumb, document.createTextNode(channel));
      button.onclick = () => this.choose(i, at);
      channels.append(button);
      return { button, thumb };
    });
    box.append(canvas, name, value, scale, channels);
    return { box, canvas, name, value, scale, thumbs };
  }

  strength() {
    const picker = element("select", "", { "aria-label": "Curve" });
    picker.append(new Option("Mean of the channel", "means"), new Option("Largest value of the channel", "maxima"));
    picker.value = this.curve;
    picker.onchange = () => { this.curve = picker.value; this.draw(); };
    const chart = this.chart(picker);
    chart.lines = () => this.header.sides.map((side, i) => {
      const values = side[this.curve][this.chosen[i]];
      const end = Math.max(...values.map(Math.abs)) || 1;
      return { values: values.map((value) => value / end), series: side.series, dashed: i === 1,
        words: `${side.layer}, channel ${this.channel(i)}: ${short(values[this.at])} (100 % = ${short(end)})` };
    });
    return chart;
  }

  probability() {
    const picker = element("select", "", { "aria-label": "Class" });
    picker.append(...this.header.classes.map((name) => new Option(`Probability of ${name}`, name)));
    picker.value = this.name;
    picker.onchange = () => { this.name = picker.value; this.draw(); };
    const chart = this.chart(picker);
    chart.lines = () => this.header.sides.map((side, i) => {
      const values = side.probabilities[this.header.classes.indexOf(this.name)];
      const said = values ? percent(values[this.at]) : "does not know it";
      return { values, series: side.series, dashed: i === 1, words: `${side.label.split(",")[0]}: ${said}` };
    });
    return chart;
  }

  chart(picker) {
    const box = element("div", "curve"), head = element("div", "head"), key = element("div", "key");
    const canvas = element("canvas", "", { role: "img" });
    head.append(picker);
    box.append(head, canvas, key);
    const curves = new Curves(canvas, (share) => { this.pause(); this.go(this.frameAt(share)); });
    return { box, canvas, key, curves };
  }

  channel(i) { return this.header.sides[i].channels[this.chosen[i]]; }

  // --- moving ---------------------------------------------------------------------------------

  frameAt(share) {
    const second = share * this.header.seconds.at(-1);
    const away = this.header.seconds.map((at) => Math.abs(at - second));
    return away.indexOf(Math.min(...away));
  }

  go(frame) {
    this.at = Math.max(0, Math.min(this.count - 1, frame));
    this.draw();
    if (!this.playing) setText(this.live, this.output.textContent);
  }

  play() {
    const { seconds } = this.header, last = seconds.at(-1);
    const step = last / (this.count - 1) || 0.1; // the last frame stays as long as the others
    let second = this.at === this.count - 1 ? 0 : seconds[this.at], before = performance.now();
    const tick = (now) => {
      second = (second + (now - before) / 1000 * Number(this.speed.value)) % (last + step);
      before = now;
      let frame = 0;
      while (frame + 1 < this.count && seconds[frame + 1] <= second) frame++;
      if (frame !== this.at) this.go(frame);
      this.playing = requestAnimationFrame(tick);
    };
    this.playing = requestAnimationFrame(tick);
    setText(this.buttons.play, "❚❚ Pause");
  }

  pause() {
    if (this.playing) cancelAnimationFrame(this.playing);
    this.playing = null;
    setText(this.buttons.play, "▶ Play");
  }

  choose(i, at) {
    this.chosen[i] = at;
    this.draw();
    this.send("channel", { side: i, channel: this.header.sides[i].channels[at] });
  }

  onKey(event) {
    if (/^(INPUT|SELECT)$/.test(event.target.tagName) || (event.key === " " && event.target.tagName === "BUTTON")) return;
    const to = { ArrowLeft: this.at - 1, ArrowRight: this.at + 1, Home: 0, End: this.count - 1 }[event.key];
    if (to === undefined && event.key !== " ") return;
    event.preventDefault();
    if (event.key === " ") this.buttons.play.onclick();
    else { this.pause(); this.go(to); }
  }

  // --- drawing --------------------------------------------------------------------------------

  draw() {
    const { header, at } = this;
    this.slider.value = at;
    setText(this.output, `Frame ${at + 1} of ${this.count} · ${header.seconds[at].toFixed(2)} s`);
    this.slider.setAttribute("aria-valuetext", this.output.textContent);
    if (this.photos) this.photo.getContext("2d").drawImage(this.photos[at], 0, 0, PHOTO, PHOTO);
    this.photo.setAttribute("aria-label", this.output.textContent);
    header.sides.forEach((side, i) => this.drawSide(side, i));
    for (const chart of this.charts) {
      const lines = chart.lines();
      chart.curves.draw({ lines, seconds: header.seconds, at });
      const { series } = tonesOf(chart.canvas);
      chart.key.replaceChildren(...lines.map((line) => {
        const key = element("span", "", {}, line.words);
        key.style.setProperty("--tone", series[line.series % series.length]);
        key.style.setProperty("--dash", line.dashed ? "dashed" : "solid");
        return key;
      }));
      chart.canvas.setAttribute("aria-label", lines.map((line) => line.words).join("; "));
    }
    this.figure.dataset.at = at;
    this.figure.dataset.channels = header.sides.map((_, i) => this.channel(i)).join();
  }

  drawSide(side, i) {
    const cell = this.cells[i], chosen = this.chosen[i];
    cell.thumbs.forEach(({ button, thumb }, at) => {
      thumb.getContext("2d").putImageData(this.image(side, i, at), 0, 0);
      button.setAttribute("aria-pressed", at === chosen);
    });
    const context = cell.canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(cell.thumbs[chosen].thumb, 0, 0, PHOTO, PHOTO);
    const what = side.units > 1 ? "Channel" : "Unit";
    setText(cell.name, `${what} ${this.channel(i)} of ${side.layer}${side.when && ` ${side.when}`}`);
    setText(cell.value, `mean ${short(side.means[chosen][this.at])}, largest ${short(side.maxima[chosen][this.at])} · ${side.label}`);
    const end = short(side.limits[chosen]);
    const pooled = side.pooled > 1 ? `; drawn max-pooled ${side.pooled} × ${side.pooled}` : "";
    setText(cell.scale, `Colours: ${side.signed ? `−${end}` : "0"} to ${end} on all frames${pooled}`);
    cell.canvas.setAttribute("aria-label", `${cell.name.textContent}, ${cell.value.textContent}`);
  }

  image(side, i, at) {
    const size = side.size ** 2, from = (this.at * side.channels.length + at) * size;
    const image = new ImageData(side.size, side.size), pixels = new Uint32Array(image.data.buffer);
    for (let k = 0; k < size; k++) pixels[k] = this.tables[i][this.maps[i][from + k]];
    return image;
  }
}

function words(colours) {
  const found = new Uint32Array(256);
  for (let i = 0; i < 256; i++) found[i] = 0xff000000 | colours[3 * i + 2] << 16 | colours[3 * i + 1] << 8 | colours[3 * i];
  return found;
}

function element(tag, name = "", attributes = {}, text = "") {
  const made = document.createElement(tag);
  if (name) made.className = name;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}
