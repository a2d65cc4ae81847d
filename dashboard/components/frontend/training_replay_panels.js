// The panels of the replay: what each shows at a step, its caption and what the pointer reads.

const QUANTITIES = {
  gradient_std: "Gradient: std of dL/dz", z_std: "Signal: std of z",
  activation_std: "Signal: std after ReLU", bias_gradient_norm: "Gradient: norm of dL/db",
  weight_gradient_norm: "Gradient: norm of dL/dW", weight_norm: "Weights: norm of W",
  update_ratio: "Update: norm of ΔW / norm of W", zero_share: "Share of zeros after ReLU",
  dead_share: "Share of dead channels",
};
const HISTOGRAMS = { gradient: "dL/dz", z: "z" };
const ENDED = { complete: "complete", stopped: "stopped", diverged: "diverged",
  interrupted: "interrupted", running: "running" };

function isShare(quantity) { return quantity.endsWith("_share"); }

function fillSelect(select, names, titles) {
  if (select.dataset.names === names.join()) return;
  const chosen = select.value;
  select.replaceChildren(...names.map((name) => new Option(titles[name] ?? name, name)));
  select.dataset.names = names.join();
  if (names.includes(chosen)) select.value = chosen;
}

// "NaN" is what a diverged run has to show.
function printed(value) {
  if (Number.isNaN(value)) return "NaN";
  return Number.isFinite(value) ? short(value) : (value > 0 ? "+∞" : "−∞");
}

function printedShare(value) { return Number.isFinite(value) ? percent(value) : printed(value); }

// Where a curve has crosses, what they mean.
function lostNumbers(runs, quantity, step) {
  const lost = runs.some((run) => {
    const row = flowRow(run, quantity, step), first = run.flow.rows[quantity]?.[0];
    return row?.some((value, k) => !Number.isFinite(value) && Number.isFinite(first[k]));
  });
  return lost ? "; × is NaN or infinite" : "";
}

// How many points of the curves are drawn, in words.
function thinning(runs, name) {
  const stretch = Math.max(...runs.map((run) => run.drawn(name)?.stretch ?? 1));
  return stretch > 1 ? `lowest and highest of every ${stretch} steps` : "every step";
}

function scalarNote(runs, name) {
  const training = runs.some((run) => run.drawn(name)) ? `thin: training, ${thinning(runs, name)}` : "";
  const validation = runs.some((run) => run.drawn(`validation_${name}`)) ? "thick: validation" : "";
  return [training, validation, "no smoothing"].filter(Boolean).join("; ");
}

// The legend's line of one run: what it is, and its numbers at this step.
function readings(run, step) {
  if (step > run.last) return `${ENDED[run.state]} at step ${run.last}`;
  const words = [["loss", "loss", printed], ["accuracy", "accuracy", printedShare],
    ["learning_rate", "learning rate", printed]];
  return words.map(([name, title, print]) => {
    const training = run.valueAt(name, step), validation = run.valueAt(`validation_${name}`, step);
    if (!training && !validation) return "";
    if (!training) return `validation ${title} ${print(validation.value)}`;
    return `${title} ${print(training.value)}` +
      (validation ? ` (validation ${print(validation.value)})` : "");
  }).filter(Boolean).join(" · ");
}

function legendRow(run, i) {
  const row = document.createElement("li");
  row.dataset.place = i;
  const swatch = document.createElement("canvas");
  swatch.className = "swatch";
  const title = document.createElement("b");
  const state = document.createElement("span");
  state.className = "state";
  const numbers = document.createElement("span");
  numbers.className = "numbers";
  row.append(swatch, title, state, numbers);
  return row;
}

function paintSwatch(canvas, i, colours) {
  const ratio = window.devicePixelRatio || 1;
  Object.assign(canvas, { width: 36 * ratio, height: 14 * ratio });
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  Object.assign(context, { strokeStyle: colours.runs[i], fillStyle: colours.runs[i], lineWidth: 2.5 });
  context.setLineDash(DASH[i]);
  context.beginPath();
  context.moveTo(0, 7);
  context.lineTo(36, 7);
  context.stroke();
  context.beginPath();
  if (MARKS[i] === "circle") context.arc(18, 7, 4.5, 0, 2 * Math.PI);
  else context.rect(14, 3, 8, 8);
  context.fill();
}

// A canvas with a line of text per run, beside each other.
class Pair {
  constructor(box) {
    this.box = box;
    this.cells = [];
  }

  have(count) {
    if (this.cells.length === count) return;
    this.cells = Array.from({ length: count }, (_, i) => {
      const cell = document.createElement("div");
      cell.dataset.place = i;
      const canvas = document.createElement("canvas");
      canvas.setAttribute("role", "img");
      const words = document.createElement("p");
      cell.append(canvas, words);
      return { cell, canvas, words, painted: "" };
    });
    this.box.replaceChildren(...this.cells.map(({ cell }) => cell));
  }
}

class KernelPanel extends Pair {
  paint({ runs, step, own }) {
    this.have(runs.length);
    const held = runs.map((run) => run.pictures.kernels);
    const shared = Math.max(0, ...held.map((kernels) => kernels?.limit ?? 0));
    runs.forEach((run, n) => this.one(this.cells[n], run, held[n], step,
      own ? held[n]?.limit ?? 0 : shared));
    return shared;
  }

  one(part, run, kernels, step, limit) {
    const i = kernels ? RunStore.at(kernels.steps, step) : -1;
    part.canvas.hidden = i < 0;
    if (i < 0) {
      part.painted = "";
      setText(part.words, "No kernels recorded here.");
      return;
    }
    const key = `${run.run} ${run.version} ${i} ${limit}`;
    if (part.painted !== key) paintKernels(part.canvas, kernels, i, limit);
    part.painted = key;
    const [out, channels, rows, cols] = kernels.shape;
    const inputs = channels === 1 || channels === 3 ? "" : `, input channel 1 of ${channels}`;
    const words = `step ${kernels.steps[i]}, ±${short(limit)}: ${out} of ${rows} x ${cols}${inputs}`;
    setText(part.words, words);
    part.canvas.setAttribute("aria-label", `First-layer kernels, ${run.title}, ${words}`);
  }
}

class CamPanel extends Pair {
  paint({ runs, step, own, colours }) {
    this.have(runs.length);
    const held = runs.map((run) => run.pictures.cam);
    const shared = Math.max(0, ...held.map((cam) => cam?.highest ?? 0));
    runs.forEach((run, n) => this.one(this.cells[n], run, held[n], step,
      own ? held[n]?.highest ?? 0 : shared, colours));
    return shared;
  }

  one(part, run, cam, step, limit, colours) {
    const i = cam ? RunStore.at(cam.steps, step) : -1;
    part.canvas.hidden = i < 0;
    if (i < 0) {
      part.painted = "";
      setText(part.words, "No Grad-CAM recorded here.");
      return;
    }
    const key = `${run.run} ${run.version} ${i} ${limit}`;
    if (part.painted !== key) paintCam(part.canvas, run, cam, i, limit, colours);
    part.painted = key;
    const highest = cam.frames[i].reduce((most, value) => Math.max(most, value), -Infinity);
    const probability = run.valueAt("sample_probability", step);
    const words = (highest > 0 ? `maximum ${short(highest)}`
      : "nowhere above 0, nothing drawn") +
      (probability ? `; probability ${printedShare(probability.value).replace(" ", "\u00a0")}` : "");
    setText(part.words, `step ${cam.steps[i]}, ${run.camLayer}: ${words}`);
    part.canvas.setAttribute("aria-label", `Grad-CAM of ${run.camTarget}, ${run.title}, ${words}`);
  }
}

// Findings as buttons: a click goes to the step. Divergence first: many dead layers would hide it.
// Notes on the data stand below the component.
function findingRows(runs, colours, go) {
  const rows = [];
  runs.forEach((run, i) => run.findings.forEach((finding) => {
    if (finding.kind === "note") return;
    const row = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.style.borderLeftColor = colours.runs[i];
    const where = finding.layer && !finding.message.includes(finding.layer) ? `${finding.layer}: ` : "";
    const when = finding.message.includes(`step ${finding.step}`) ? "" : ` (step ${finding.step})`;
    button.textContent = `${run.title}: ${where}${finding.message}${when}`;
    button.onclick = () => go(finding);
    row.append(button);
    rows.push([finding.kind === "diverged" ? 0 : 1, row]);
  }));
  return rows.sort((a, b) => a[0] - b[0]).map(([, row]) => row);
}

// Where a plot's pointer words go: beside the pointer, inside the component.
function placeTip(tip, root, event, lines) {
  tip.hidden = !lines.length;
  if (tip.hidden) return;
  tip.replaceChildren(...lines.map((line) => {
    const row = document.createElement("div");
    row.textContent = line;
    return row;
  }));
  const box = root.getBoundingClientRect();
  const x = event.clientX - box.left, y = event.clientY - box.top;
  const left = x + 16 + tip.offsetWidth > box.width ? x - tip.offsetWidth - 12 : x + 16;
  tip.style.left = `${Math.max(0, left)}px`;
  tip.style.top = `${Math.max(0, y - tip.offsetHeight - 8)}px`;
}
