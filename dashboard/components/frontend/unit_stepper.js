// The arithmetic of one unit. A position is a line of the ledger and a number in it; going through
// them is all done here, from one frame: nothing is asked of the server.

const LINE_PAUSE = 1100; // ms on a line while playing
const NUMBER_PAUSE = 450; // ms on a number
const WHOLE = -1; // the number of a line that is shown as a whole

export default (component) => mount(component, UnitStepper);

class UnitStepper {
  constructor(root) {
    const find = (name) => root.querySelector(name);
    this.figure = find(".stepper");
    this.stage = find(".stage");
    this.grids = find(".grids");
    this.ledger = find(".ledger");
    this.photo = find(".photo");
    this.output = find("output");
    this.select = find("select");
    this.text = Object.fromEntries(
      ["title", "value", "formula", "caption", "now", "check", "live"].map((n) => [n, find(`.${n}`)]));
    this.text.legend = find("figcaption");
    this.playButton = find("[data-go=play]");
    for (const button of root.querySelectorAll("[data-go]")) {
      button.onclick = () => this.go(button.dataset.go);
    }
    this.select.onchange = () => this.pause();
    this.stage.onkeydown = (event) => this.onKey(event);
    this.observer = new ResizeObserver(() => this.resized());
  }

  open() { this.observer.observe(this.stage); }

  close() {
    this.observer.disconnect();
    this.pause();
  }

  show(data) {
    const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
    const { header, parts } = readFrame(bytes);
    const digest = bytes.reduce((sum, byte) => (sum * 31 + byte) | 0, bytes.length);
    if (digest === this.digest) return; // a rerun that changed nothing keeps the position
    this.digest = digest;
    this.pause();
    this.header = header;
    this.table = parts.colours;
    this.numbers = header.lines.map((line, i) => line.size && numbersOf(parts, i, line.size));
    this.put(0, WHOLE);
    // Grids keep their place free on lines without one, so that nothing jumps.
    this.stage.classList.toggle("tall", this.numbers.some((numbers) => numbers && numbers.size[0] > 1));
    // A pool is one line: its numbers are the steps.
    if (header.lines.length === 1 && this.countOf(0)) this.select.value = "number";
    this.drawHead(parts);
    this.drawLedger();
    this.draw();
    this.figure.dataset.painted = `${header.layer} ${header.channel} ${header.row} ${header.column}`;
  }

  // --- where --------------------------------------------------------------------------------------

  get current() { return this.header.lines[this.line]; }

  countOf(line) {
    const numbers = this.numbers[line];
    return numbers && numbers.count > 1 ? numbers.count : 0;
  }

  go(how, byNumber = this.select.value === "number") {
    if (how === "play") return this.timer ? this.pause() : this.play();
    this.pause();
    this.move(how, byNumber);
    setText(this.text.live, `${this.text.caption.textContent} ${this.text.now.textContent}`);
  }

  move(how, byNumber) {
    const last = this.header.lines.length - 1;
    if (how === "first") this.put(0, byNumber && this.countOf(0) ? 0 : WHOLE);
    else if (how === "last") this.put(last, WHOLE, true);
    else if (how === "next") this.forward(byNumber, last);
    else this.backward(byNumber);
    this.draw();
  }

  // `walked`: the line's numbers have been gone through; number by number, the next line follows.
  put(line, number, walked = false) { [this.line, this.number, this.walked] = [line, number, walked]; }

  // By number: 0, 1, ..., then the line as a whole, then the next line's first number.
  forward(byNumber, last) {
    const { line, number } = this, count = this.countOf(line);
    if (byNumber && number !== WHOLE && number + 1 < count) this.put(line, number + 1);
    else if (number !== WHOLE) this.put(line, WHOLE, true);
    else if (byNumber && count && !this.walked) this.put(line, 0);
    else if (line < last) this.put(line + 1, byNumber && this.countOf(line + 1) ? 0 : WHOLE);
  }

  backward(byNumber) {
    const { line, number } = this, count = this.countOf(line);
    if (byNumber && number > 0) this.put(line, number - 1);
    else if (byNumber && number === WHOLE && count) this.put(line, count - 1);
    else if (line > 0) this.put(line - 1, WHOLE, byNumber);
    else this.put(0, WHOLE);
  }

  get atEnd() { return this.line === this.header.lines.length - 1 && this.number === WHOLE; }

  play() {
    const byNumber = this.select.value === "number";
    if (this.atEnd && (this.walked || !byNumber)) this.move("first", byNumber);
    const tick = () => {
      this.move("next", byNumber);
      if (this.atEnd && (this.walked || !byNumber || !this.countOf(this.line))) return this.pause();
      this.timer = setTimeout(tick, this.number === WHOLE ? LINE_PAUSE : NUMBER_PAUSE);
    };
    this.timer = setTimeout(tick, byNumber ? NUMBER_PAUSE : LINE_PAUSE);
    setText(this.playButton, "❚❚ Pause");
  }

  pause() {
    clearTimeout(this.timer);
    this.timer = null;
    setText(this.playButton, "▶ Play");
  }

  onKey(event) {
    const keys = { ArrowRight: "next", ArrowLeft: "back", Home: "first", End: "last", " ": "play" };
    if (!(event.key in keys) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.go(keys[event.key], event.shiftKey || this.select.value === "number");
  }

  resized() {
    if (!this.header || Math.abs(this.stage.clientWidth - (this.width ?? 0)) < 2) return;
    this.draw();
  }

  // --- head and ledger ----------------------------------------------------------------------------

  drawHead(parts) {
    const { header } = this, [channels, rows, columns] = header.shape;
    const place = rows * columns > 1
      ? `row ${header.row + 1}, column ${header.column + 1} of ${rows} × ${columns}` : "";
    const what = rows * columns > 1 ? "channel" : "unit";
    const name = header.unit ? ` (${header.unit})` : "";
    setText(this.text.title, [`${header.layer} of ${header.network}`,
      `${what} ${header.channel} of ${channels.toLocaleString("en")}${name}`, place].filter(Boolean).join(" · "));
    const later = header.last === header.layer ? "" : ` · after ${header.last}: ${this.total(header.after)}`;
    setText(this.text.value, `Value ${this.total(header.value)}${later}`);
    setText(this.text.formula, header.formula);
    this.photo.hidden = !header.field;
    if (header.field) {
      const [[top, bottom], [left, right]] = header.field.span;
      this.photo.setAttribute("aria-label", `${header.photo} with the receptive field of the unit: ` +
        `rows ${top} to ${bottom - 1}, columns ${left} to ${right - 1} of ${header.field.input} px`);
      this.photo.title = `Receptive field: ${bottom - top} × ${right - left} px; dashed: its part beyond the photo`;
      paintField(this.photo, parts.photo, header.field);
    }
    this.drawLegend();
  }

  drawLegend() {
    const { scales } = this.header;
    const shown = [["inputs", scales.given], ["weights", scales.weights], ["products", scales.product], ["values", scales.around]]
      .filter(([, limit]) => limit > 0).map(([name, limit]) => `${name} ±${plain(limit)}`);
    this.text.legend.replaceChildren();
    if (shown.length) {
      const bar = element("canvas", "colours");
      bar.width = 256;
      bar.height = 1;
      const image = new ImageData(256, 1);
      for (let i = 0; i < 256; i++) image.data.set([...this.table.subarray(3 * i, 3 * i + 3), 255], 4 * i);
      bar.getContext("2d").putImageData(image, 0, 0);
      this.text.legend.append(element("span", "", "−"), bar, element("span", "", "+"),
        element("span", "", `One scale for all lines: ${shown.join(", ")}.`));
    }
    if (this.numbers.some((numbers) => numbers && numbers.inside.includes(0))) {
      this.text.legend.append(element("span", "key", "beyond the map: padding"));
    }
  }

  drawLedger() {
    const { lines } = this.header;
    const ends = lines.flatMap((line) => [line.before ?? 0, line.after ?? 0, 0]);
    const low = Math.min(...ends), high = Math.max(...ends), span = high - low || 1;
    const at = (value) => `${(100 * ((value ?? 0) - low)) / span}%`;
    this.ledger.style.setProperty("--zero", at(0));
    const rows = lines.map((line, i) => {
      const row = element("li", line.kind);
      const button = element("button", "line");
      button.type = "button";
      button.onclick = () => {
        this.pause();
        this.put(i, WHOLE);
        this.draw();
      };
      button.append(this.nameOf(line), this.picturesOf(i), element("span", "amount", this.amountOf(line)));
      const bar = element("span", "running");
      const from = line.amount === null ? 0 : line.before, to = line.after;
      const segment = element("i", (to ?? 0) >= (from ?? 0) ? "up" : "down");
      segment.style.left = at(Math.min(from ?? 0, to ?? 0));
      segment.style.width = `${(100 * Math.abs((to ?? 0) - (from ?? 0))) / span}%`;
      bar.append(segment);
      button.append(bar, element("span", "total", this.total(line.after)));
      row.append(button);
      return row;
    });
    const heading = element("li", "heading");
    heading.setAttribute("aria-hidden", "true");
    heading.append(...["line", "", "adds", "", "total"].map((text) => element("span", "", text)));
    this.ledger.replaceChildren(heading, ...rows);
  }

  nameOf(line) {
    const name = element("span", "label", line.label);
    if (line.hue) {
      const swatch = element("i", "swatch");
      swatch.style.background = { red: "#e02020", green: "#17a317", blue: "#2050e0" }[line.hue];
      name.prepend(swatch);
    }
    name.title = line.detail ?? line.inserted;
    return name;
  }

  picturesOf(i) {
    const box = element("span", "minis"), numbers = this.numbers[i], { scales } = this.header;
    if (numbers && numbers.weights) {
      box.append(miniature(numbers, numbers.given, scales.given, this.table, 22), "×",
        miniature(wholeOf(numbers), numbers.weights, scales.weights, this.table, 22));
    }
    return box;
  }

  amountOf(line) {
    if (line.amount === null) return line.of === "relu" ? "max(0, ·)" : "";
    return (line.amount >= 0 ? "+" : "") + this.total(line.amount);
  }

  total(value) { return fixed(value, this.header.decimals); }

  // --- one step -----------------------------------------------------------------------------------

  draw() {
    const { lines } = this.header, line = this.current;
    this.width = this.stage.clientWidth;
    setText(this.text.caption, this.captionOf(line));
    this.grids.replaceChildren(...this.gridsOf(line));
    setText(this.text.now, this.nowOf(line));
    const { check } = line, whole = this.number === WHOLE;
    this.text.check.hidden = !check || !whole;
    if (check) {
      this.text.check.className = check.agrees ? "check agrees" : "check differs";
      setText(this.text.check, `${check.agrees ? "✓" : "✗"} The network has ${plainer(check.network)} at this unit of ` +
        `${check.layer}: ${check.tolerance === 0 && check.agrees ? "the same, as nothing is rounded here"
          : `difference ${plain(check.difference ?? NaN)}, rounding may cause up to ${plain(check.tolerance ?? NaN)}`}.`);
    }
    setText(this.output, `${this.line + 1} of ${lines.length}`);
    [...this.ledger.querySelectorAll("li:not(.heading)")].forEach((row, i) => {
      row.classList.toggle("now", i === this.line);
      row.classList.toggle("later", i > this.line || (i === this.line && !whole));
      row.firstChild.toggleAttribute("aria-current", i === this.line);
    });
    this.stage.dataset.step = `${this.line},${this.number}`;
  }

  captionOf(line) {
    switch (line.kind) {
      case "products": return `${capital(line.detail)}: input × weight`;
      case "rest": return `${line.label} of ${line.reads}, together`;
      case "bias": return line.of === "conv" ? "Bias of this channel: one number for the whole map" : "Bias of this unit";
      case "window": return `${line.layer} looks at ${line.size[0]} × ${line.size[1]} values of ${line.reads}`;
      case "neighbours": return `${line.layer} looks at the same place in ${line.size[1]} neighbouring channels`;
      default: return `${line.layer}: ${line.formula}`;
    }
  }

  gridsOf(line) {
    const numbers = this.numbers[this.line], { scales } = this.header, table = this.table;
    if (!numbers) return [];
    const at = this.number;
    const cell = cellWidth(this.width, numbers.size[1] * (line.kind === "products" ? 1 : 0.75));
    const shared = { numbers, cell, table, ring: at === WHOLE ? null : at };
    const place = (j) => `row ${line.first[0] + line.step[0] * Math.floor(j / line.size[1]) + 1}, ` +
      `column ${line.first[1] + line.step[1] * (j % line.size[1]) + 1}`;
    const input = (j, outside) => (outside ? `padding: 0 (${place(j)} is beyond the map)`
      : `${plainer(numbers.given[j])} at ${place(j)} of ${line.reads}`);
    if (line.kind === "products") {
      const grids = [
        gridElement({ ...shared, name: numbers.count > 1 ? "patch" : "input", values: numbers.given, limit: scales.given, title: input }),
        element("span", "sign", "×"),
        gridElement({ ...shared, numbers: wholeOf(numbers), name: numbers.count > 1 ? "kernel" : "weight", values: numbers.weights, limit: scales.weights, title: (j) => plainer(numbers.weights[j]) }),
        element("span", "sign", "="),
        gridElement({ ...shared, name: numbers.count > 1 ? "products" : "product", values: numbers.products, limit: scales.product, title: (j) => plainer(exactProduct(numbers, j)) }),
      ];
      if (at !== WHOLE) [...grids[4].querySelectorAll(".cell")].slice(at + 1).forEach((c) => c.classList.add("hidden"));
      return grids;
    }
    if (line.kind === "window") {
      const winner = line.winner && line.winner[0] * line.size[1] + line.winner[1];
      return [gridElement({ ...shared, ring: at === WHOLE ? winner : at, name: `values of ${line.reads}`, values: numbers.given, limit: scales.around, title: input })];
    }
    return [gridElement({ ...shared, ring: at === WHOLE ? line.own : at, name: `channels ${line.channels[0]} to ${line.channels.at(-1)} of ${line.reads}`,
      values: numbers.given, limit: scales.around, title: (j) => `${plainer(numbers.given[j])} in channel ${line.channels[j]}`,
      lower: `ringed: channel ${line.channels[line.own]}` })];
  }

  nowOf(line) {
    const numbers = this.numbers[this.line], j = this.number;
    switch (line.kind) {
      case "products": {
        if (j !== WHOLE) {
          let sum = 0;
          for (let i = 0; i <= j; i++) sum += exactProduct(numbers, i);
          return `${plainer(numbers.given[j])} × ${bracketed(numbers.weights[j])} = ${plainer(exactProduct(numbers, j))}; sum so far ${this.total(sum)}`;
        }
        const sum = numbers.count > 1 ? `Sum of ${numbers.count} products ${this.total(line.amount)}`
          : `${plainer(numbers.given[0])} × ${bracketed(numbers.weights[0])} = ${this.total(line.amount)}`;
        return `${sum}; total ${this.total(line.before)} ${this.plus(line.amount)} = ${this.total(line.after)}`;
      }
      case "rest": return `${line.up[1]} add ${this.total(line.up[0])}, ${line.down[1]} take ${this.total(line.down[0] === null ? null : -line.down[0])} away: ` +
        `total ${this.total(line.before)} ${this.plus(line.amount)} = ${this.total(line.after)}`;
      case "bias": return `Total ${this.total(line.before)} ${this.plus(line.amount)} = ${this.total(line.after)}`;
      case "window": return j === WHOLE ? capital(minus(line.inserted)) : this.windowNow(line, numbers, j);
      case "neighbours": return j === WHOLE ? minus(line.inserted) : this.squareNow(line, numbers, j);
      default: return minus(line.inserted);
    }
  }

  windowNow(line, numbers, j) {
    const seen = [...numbers.given.subarray(0, j + 1)].filter((_, i) => numbers.inside[i]);
    const value = numbers.inside[j] ? plainer(numbers.given[j]) : "beyond the map, not counted";
    if (line.winner) return `${value}; largest so far ${seen.length ? this.total(Math.max(...seen)) : "none"}`;
    return `${value}; sum so far ${this.total(seen.reduce((sum, v) => sum + v, 0))}`;
  }

  squareNow(line, numbers, j) {
    const sum = numbers.given.subarray(0, j + 1).reduce((total, v) => total + v * v, 0);
    return `${plainer(numbers.given[j])}² = ${plainer(numbers.given[j] ** 2)}; sum of squares so far ${plainer(sum)}`;
  }

  plus(value) {
    if (value === null) return "+ not finite";
    return value < 0 ? `− ${this.total(-value)}` : `+ ${this.total(value)}`;
  }
}

// A kernel has all its weights, also where they meet padding.
function wholeOf(numbers) {
  return { ...numbers, inside: new Uint8Array(numbers.count).fill(1) };
}

function plainer(value) {
  if (value === null || !Number.isFinite(value)) return "not finite";
  return String(Number(value.toPrecision(6))).replace("-", "−");
}

function bracketed(value) { return value < 0 ? `(${plainer(value)})` : plainer(value); }

// Python's minus signs as typography has them; exponents keep theirs.
function minus(text) { return text.replace(/(^|[\s(])-(?=[\d])/g, "$1−"); }

function capital(text) { return text.charAt(0).toUpperCase() + text.slice(1); }
