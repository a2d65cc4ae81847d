// Line charts on a canvas: axes that stay put while the steps go by.

const SUPERSCRIPT = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const MARGIN = { left: 46, right: 18, top: 8, bottom: 24 }; // px
const DASH = [[], [6, 3]]; // of the first and the second run
const OVER = 0.4; // opacity of the last measurement of a run that has ended before this step

// Colours of the theme, read at every paint: a theme change only has to repaint.
function palette(element) {
  const style = getComputedStyle(element);
  const read = (name) => style.getPropertyValue(name).trim();
  const categories = read("--st-chart-categorical-colors").split(",").map((c) => c.trim());
  return {
    text: read("--st-text-color"), grey: read("--st-gray-text-color") || read("--st-text-color"),
    line: read("--st-border-color"), back: read("--st-background-color"),
    red: read("--st-red-text-color") || "#c00",
    font: read("--st-font") || "sans-serif",
    runs: categories.length > 1 ? categories : ["#0B6BB8", "#D9570A"],
  };
}

function powerOfTen(exponent) {
  const digits = String(Math.abs(exponent)).split("").map((digit) => SUPERSCRIPT[digit]).join("");
  return `10${exponent < 0 ? "⁻" : ""}${digits}`;
}

// Round numbers from low to high, about `count` of them.
function roundTicks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const size = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough);
  const ticks = [];
  for (let i = Math.ceil(low / size - 1e-9); i * size <= high + 1e-9 * size; i++) {
    ticks.push(Number((i * size).toPrecision(12)));
  }
  return ticks;
}

function linearScale(low, high) {
  return { low, high, place: (v) => (v - low) / (high - low || 1), log: false,
    ticks: (n) => roundTicks(low, high, n).map((v) => [v, short(v)]) };
}

// `low` and `high` are exponents; zero has no place on it.
function logScale(low, high) {
  const ticks = (n) => {
    const every = Math.max(1, Math.ceil((high - low) / n));
    const all = [];
    for (let e = Math.ceil(low / every) * every; e <= high; e += every) {
      all.push([10 ** e, powerOfTen(e)]);
    }
    return all;
  };
  return { low, high, log: true, ticks,
    place: (v) => (v > 0 ? (Math.log10(v) - low) / (high - low || 1) : NaN) };
}

// A scale that holds all `lists` of numbers: of whole decades, or linear.
function scaleOf(lists, { log = false, from = null, to = null }) {
  let low = Infinity, high = -Infinity;
  for (const list of lists) {
    for (const value of list) {
      if (!Number.isFinite(value) || (log && value <= 0)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  if (low > high) return log ? logScale(-1, 0) : linearScale(from ?? 0, to ?? 1);
  if (!log) {
    const bottom = from ?? Math.min(low, 0), top = to ?? (high > bottom ? high : bottom + 1);
    const ticks = roundTicks(bottom, top, 5), size = ticks[1] - ticks[0];
    return linearScale(bottom, to ?? Math.ceil(top / size - 1e-9) * size);
  }
  const [bottom, top] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  return logScale(bottom, top > bottom ? top : bottom + 1);
}

class Plot {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
  }

  begin(colours, bottom = MARGIN.bottom) {
    const { canvas, context } = this;
    const ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    this.colours = colours;
    this.box = { left: MARGIN.left, top: MARGIN.top, right: width - MARGIN.right,
      bottom: height - bottom };
    context.lineJoin = "round";
    this.font(12);
  }

  font(size, weight = 400) {
    this.context.font = `${weight} ${size}px ${this.colours.font}`;
  }

  x(value) { return this.box.left + this.xScale.place(value) * (this.box.right - this.box.left); }
  y(value) { return this.box.bottom - this.yScale.place(value) * (this.box.bottom - this.box.top); }

  text(words, x, y, align = "center", baseline = "middle", colour = this.colours.text) {
    Object.assign(this.context, { fillStyle: colour, textAlign: align, textBaseline: baseline });
    this.context.fillText(words, x, y);
  }

  rule(x1, y1, x2, y2, colour, width = 1, dash = []) {
    const { context } = this;
    context.beginPath();
    context.setLineDash(dash);
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    Object.assign(context, { strokeStyle: colour, lineWidth: width });
    context.stroke();
    context.setLineDash([]);
  }

  yAxis(scale) {
    this.yScale = scale;
    const { box, colours } = this;
    for (const [value, label] of scale.ticks(Math.max(2, Math.floor((box.bottom - box.top) / 28)))) {
      const y = Math.round(this.y(value)) + 0.5;
      this.rule(box.left, y, box.right, y, colours.line);
      this.text(label, box.left - 6, y, "right");
    }
  }

  xAxis(scale) {
    this.xScale = scale;
    const { box, colours } = this;
    this.rule(box.left, box.bottom + 0.5, box.right, box.bottom + 0.5, colours.grey);
    for (const [value, label] of scale.ticks(Math.max(2, Math.floor((box.right - box.left) / 64)))) {
      const x = Math.round(this.x(value)) + 0.5;
      this.rule(x, box.bottom, x, box.bottom + 4, colours.grey);
      this.text(label, x, box.bottom + 13);
    }
  }

  // A line with gaps where there is no number, and a mark wherever `mark` is given.
  curve(xs, ys, { colour, width, dash = [], mark = null, alpha = 1 }) {
    const { context } = this;
    const places = [];
    let pen = false;
    context.save();
    this.clip();
    Object.assign(context, { strokeStyle: colour, fillStyle: colour, lineWidth: width,
      globalAlpha: alpha });
    context.setLineDash(dash);
    context.beginPath();
    for (let i = 0; i < xs.length; i++) {
      const x = this.x(xs[i]), y = this.y(ys[i]);
      if (!Number.isFinite(y)) { pen = false; continue; }
      if (pen) context.lineTo(x, y); else context.moveTo(x, y);
      const alone = !pen && !Number.isFinite(this.y(ys[i + 1] ?? NaN));
      if (mark || alone) places.push([x, y]);
      pen = true;
    }
    context.stroke();
    context.setLineDash([]);
    for (const [x, y] of places) this.mark(x, y, mark ?? "circle", mark ? 3 : width);
    context.restore();
  }

  // Marks on the frame stay whole.
  clip() {
    const { box, context } = this;
    context.beginPath();
    context.rect(box.left - 5, box.top - 5, box.right - box.left + 10, box.bottom - box.top + 10);
    context.clip();
  }

  mark(x, y, shape, size) {
    const { context } = this;
    context.beginPath();
    if (shape === "circle") context.arc(x, y, size, 0, 2 * Math.PI);
    else context.rect(x - size, y - size, 2 * size, 2 * size);
    context.fill();
  }
}

const MARKS = ["circle", "square"]; // of the first and the second run

// Loss or accuracy over the steps: training thin, validation thick with marks.
class ScalarChart extends Plot {
  paint(colours, { runs, names, steps, step, log, from, to, findings }) {
    this.begin(colours);
    const all = runs.flatMap((run) => names.map((name) => run.drawn(name)?.values ?? []));
    this.yAxis(scaleOf(all, { log, from, to }));
    this.xAxis(linearScale(steps[0] ?? 0, Math.max(steps[1] ?? 1, 1)));
    this.text("step", 4, this.box.bottom + 13, "left");
    runs.forEach((run, i) => this.run(run, i, names));
    if (findings) runs.forEach((run, i) => this.findings(run, i));
    const x = Math.round(this.x(step)) + 0.5;
    this.rule(x, this.box.top, x, this.box.bottom, colours.text, 1.5);
    runs.forEach((run, i) => this.dots(run, i, names, step));
  }

  run(run, i, names) {
    const colour = this.colours.runs[i];
    const [training, validation] = names.map((name) => run.drawn(name));
    if (training) {
      this.curve(training.steps, training.values, { colour, width: 1, alpha: 0.6 });
    }
    if (validation) {
      const mark = validation.steps.length <= 30 ? MARKS[i] : null;
      this.curve(validation.steps, validation.values, { colour, width: 2.25, dash: DASH[i], mark });
    }
  }

  dots(run, i, names, step) {
    const { context, colours } = this;
    for (const name of names) {
      const point = run.valueAt(name, step);
      if (!point || step > run.last) continue;
      const y = this.y(point.value);
      if (!Number.isFinite(y)) continue;
      Object.assign(context, { fillStyle: colours.runs[i], strokeStyle: colours.back, lineWidth: 2 });
      this.mark(this.x(Math.min(step, run.last)), y, MARKS[i], 4.5);
      context.stroke();
    }
  }

  findings(run, i) {
    const { context, box, colours } = this;
    for (const finding of run.findings) {
      if (finding.kind === "note") continue;
      const x = this.x(finding.step);
      this.rule(x, box.top + 12, x, box.bottom, colours.red, 1, [2, 3]);
      context.beginPath();
      context.moveTo(x - 6, box.top);
      context.lineTo(x + 6, box.top);
      context.lineTo(x, box.top + 11);
      context.closePath();
      context.fillStyle = colours.runs[i];
      context.fill();
      Object.assign(context, { strokeStyle: colours.red, lineWidth: 1.5 });
      context.stroke();
    }
  }

  stepAt(offset) {
    const { box, xScale } = this;
    const share = (offset - box.left) / (box.right - box.left);
    return Math.round(xScale.low + Math.max(0, Math.min(1, share)) * (xScale.high - xScale.low));
  }
}

// One quantity over depth, at one step.
class FlowChart extends Plot {
  paint(colours, { runs, layers, quantity, scale, step, selected }) {
    const room = this.canvas.clientWidth - MARGIN.left - MARGIN.right;
    const slanted = room < 46 * layers.length;
    this.begin(colours, slanted ? 58 : 24);
    this.layers = layers;
    this.xScale = linearScale(-0.5, Math.max(layers.length - 0.5, 0.5));
    this.yAxis(scale);
    const { box } = this;
    const x = this.x(layers.indexOf(selected));
    this.rule(x, box.top, x, box.bottom, colours.grey, 1, [2, 3]);
    this.names(layers, selected, slanted);
    runs.forEach((run, i) => {
      const row = flowRow(run, quantity, step);
      if (!row) return;
      const at = run.layers.map((layer) => layers.indexOf(layer));
      this.curve(at, row, { colour: colours.runs[i], width: 2, dash: DASH[i], mark: MARKS[i],
        alpha: step > run.last ? OVER : 1 });
      this.gaps(run, i, at, row, run.flow.rows[quantity][0]);
    });
  }

  // Crosses above the layers whose numbers ceased to be numbers.
  gaps(run, i, at, row, first) {
    const y = this.box.top + 6 + 12 * i;
    at.forEach((place, k) => {
      if (Number.isFinite(row[k]) || !Number.isFinite(first[k])) return;
      const x = this.x(place), colour = this.colours.runs[i];
      this.rule(x - 4, y - 4, x + 4, y + 4, colour, 2);
      this.rule(x - 4, y + 4, x + 4, y - 4, colour, 2);
    });
  }

  names(layers, selected, slanted) {
    const { box, colours, context } = this;
    this.rule(box.left, box.bottom + 0.5, box.right, box.bottom + 0.5, colours.grey);
    const room = (box.right - box.left) / layers.length;
    const every = Math.max(1, Math.ceil((slanted ? 13 : 46) / room));
    layers.forEach((layer, i) => {
      const chosen = layer === selected;
      if (i % every && !chosen) return;
      if (!chosen && Math.abs(i - layers.indexOf(selected)) < every && every > 1) return;
      this.font(12, chosen ? 700 : 400);
      context.save();
      context.translate(this.x(i), box.bottom + (slanted ? 6 : 13));
      if (slanted) context.rotate(-Math.PI / 3);
      this.text(layer.length > 9 ? `…${layer.slice(-8)}` : layer, 0, slanted ? 3 : 0, slanted ? "right" : "center");
      context.restore();
    });
    this.font(12);
  }

  layerAt(offset) {
    const share = (offset - this.box.left) / (this.box.right - this.box.left);
    const i = Math.floor(share * this.layers.length);
    return this.layers[Math.max(0, Math.min(this.layers.length - 1, i))];
  }
}

function flowRow(run, quantity, step) {
  const i = RunStore.at(run.flow.steps, step);
  return i < 0 ? null : run.flow.rows[quantity]?.[i] ?? null;
}

// Shares of log10|x| of one layer at one step, as steps of a staircase.
class HistogramChart extends Plot {
  paint(colours, { runs, layer, name, step, magnitudes, highest }) {
    const [low, high, bins] = magnitudes;
    this.begin(colours);
    this.yAxis(linearScale(0, highest || 1));
    const decades = logScale(low, high);
    this.xAxis({ ...linearScale(low, high), ticks: (n) =>
      decades.ticks(n).map(([v, label]) => [Math.log10(v), label]) });
    const width = (high - low) / bins;
    runs.forEach((run, i) => {
      const counts = histogramOf(run, name, layer, step, bins);
      if (!counts) return;
      const xs = [], ys = [];
      counts.forEach((count, bin) => {
        xs.push(low + bin * width, low + (bin + 1) * width);
        ys.push(count / 65535, count / 65535);
      });
      this.curve(xs, ys, { colour: colours.runs[i], width: 2, dash: DASH[i],
        alpha: step > run.last ? OVER : 1 });
    });
  }
}

function histogramOf(run, name, layer, step, bins) {
  const row = RunStore.at(run.flow.steps, step), at = run.layers.indexOf(layer);
  if (row < 0 || at < 0) return null;
  return run.histograms[name]?.[row]?.subarray(at * bins, (at + 1) * bins) ?? null;
}

// The highest share of one layer over all steps and runs: the axis stays put.
function highestShare(runs, name, layer, bins) {
  let highest = 0;
  for (const run of runs) {
    const at = run.layers.indexOf(layer);
    if (at < 0) continue;
    for (const row of run.histograms[name] ?? []) {
      for (let bin = at * bins; bin < (at + 1) * bins; bin++) {
        if (row[bin] > highest) highest = row[bin];
      }
    }
  }
  return highest / 65535;
}
