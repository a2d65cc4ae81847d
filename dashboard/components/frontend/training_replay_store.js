// What the browser knows of each run. Frames append to it; nothing is asked of the server to draw.

const MOST_POINTS = 500; // as in vgg_viz/figures/recording_frames.py, for runs that grow here

class RunStore {
  constructor(head) {
    this.run = head.run;
    this.last = -1;
    this.scalars = {}; // name: {steps, values, stretch}
    this.flow = { steps: [], rows: {}, every: 1 }; // rows: name: [Float32Array per step]
    this.histograms = {}; // name: [Uint16Array (layers * bins) per flow step]
    this.pictures = {}; // name: {steps, frames, shape, every, limit, drawnLimit}
    this.photo = null;
    this.version = 0; // grows with every change, so that what is derived can be kept
  }

  // Returns false when steps are missing between what is here and what came.
  merge(head, part) {
    if (head.after > this.last) return false;
    Object.assign(this, {
      title: head.title, state: head.state, planned: head.planned, layers: head.layers,
      findings: head.findings, sample: head.sample, camLayer: head.cam_layer,
      camTarget: head.cam_target, unit: head.unit,
    });
    for (const [name, stretch] of Object.entries(head.scalars)) {
      this.addScalar(name, stretch, part);
    }
    this.addFlow(head, part);
    for (const [name, about] of Object.entries(head.pictures)) this.addPictures(name, about, part);
    if (part("photo")) this.addPhoto(part("photo"));
    this.last = Math.max(this.last, head.last);
    this.version++;
    return true;
  }

  addScalar(name, stretch, part) {
    const series = this.scalars[name] ??= { steps: [], values: [], stretch: 1 };
    const steps = numbers(Int32Array, part(`scalar.${name}.steps`));
    const values = numbers(Float32Array, part(`scalar.${name}.values`));
    for (const i of newer(steps, series.steps)) {
      series.steps.push(steps[i]);
      series.values.push(values[i]);
    }
    series.stretch = Math.max(series.stretch, stretch);
    series.drawn = null;
  }

  addFlow(head, part) {
    const { flow } = this;
    const steps = numbers(Int32Array, part("flow.steps"));
    const added = newer(steps, flow.steps);
    const rows = (type, name, width, into) => {
      const all = numbers(type, part(name));
      for (const i of added) into.push(all.subarray(i * width, (i + 1) * width));
    };
    const layers = head.layers.length;
    for (const name of head.flow.names) {
      rows(Float32Array, `flow.${name}`, layers, flow.rows[name] ??= []);
    }
    for (const name of head.histograms) {
      const all = part(`histogram.${name}`);
      const width = steps.length ? all.byteLength / 2 / steps.length : 0;
      rows(Uint16Array, `histogram.${name}`, width, this.histograms[name] ??= []);
    }
    for (const i of added) flow.steps.push(steps[i]);
    flow.every = Math.max(flow.every, head.flow.every);
  }

  addPictures(name, about, part) {
    const held = this.pictures[name] ??=
      { steps: [], frames: [], shape: about.shape, every: 1, limit: 0, highest: 0 };
    const steps = numbers(Int32Array, part(`${name}.steps`));
    const values = halfFloats(part(`${name}.values`));
    const size = about.shape.reduce((product, side) => product * side, 1);
    for (const i of newer(steps, held.steps)) {
      const frame = values.slice(i * size, (i + 1) * size).map((value) => value * about.unit);
      held.steps.push(steps[i]);
      held.frames.push(frame);
      for (const value of frame) {
        held.limit = Math.max(held.limit, Math.abs(value));
        held.highest = Math.max(held.highest, value);
      }
    }
    held.every = Math.max(held.every, about.every);
  }

  async addPhoto(jpeg) {
    const bitmap = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
    this.photo?.close();
    this.photo = bitmap;
    this.version++;
    this.onPhoto?.();
  }

  // The points to draw: all, or of every stretch the lowest and the highest.
  drawn(name) {
    const series = this.scalars[name];
    if (!series) return null;
    series.drawn ??= thinned(series);
    return series.drawn;
  }

  // Index of the last of `steps` that is not after `step`; -1 before the first.
  static at(steps, step) {
    let low = 0, high = steps.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (steps[middle] <= step) low = middle + 1; else high = middle;
    }
    return low - 1;
  }

  valueAt(name, step) {
    const series = this.scalars[name];
    const i = series ? RunStore.at(series.steps, step) : -1;
    return i < 0 ? null : { step: series.steps[i], value: series.values[i] };
  }
}

// A copy, because typed arrays have to start at multiples of their item's size.
function numbers(type, bytes) {
  return bytes ? new type(bytes.slice().buffer) : new type(0);
}

// Positions in `steps` of what comes after all of `held`: frames overlap on purpose.
function newer(steps, held) {
  const last = held.length ? held[held.length - 1] : -Infinity;
  const positions = [];
  for (let i = 0; i < steps.length; i++) if (steps[i] > last) positions.push(i);
  return positions;
}

function thinned(series) {
  const { steps, values, stretch } = series;
  const count = steps.length;
  if (count <= 2 * MOST_POINTS) return { steps, values, stretch };
  const size = Math.ceil(2 * count / MOST_POINTS);
  const kept = [];
  for (let start = 0; start < count; start += size) {
    const end = Math.min(count, start + size);
    let low = -1, high = -1, gap = -1;
    for (let i = start; i < end; i++) {
      if (!Number.isFinite(values[i])) { gap = gap < 0 ? i : gap; continue; }
      if (low < 0 || values[i] < values[low]) low = i;
      if (high < 0 || values[i] > values[high]) high = i;
    }
    kept.push(...[...new Set([low, high, gap])].filter((i) => i >= 0).sort((a, b) => a - b));
  }
  if (kept[kept.length - 1] !== count - 1) kept.push(count - 1);
  return {
    steps: kept.map((i) => steps[i]), values: kept.map((i) => values[i]), stretch: stretch * size,
  };
}

// Every step at which something was measured or found, and the ends, of all runs, in order.
function timeline(runs) {
  const steps = new Set();
  for (const run of runs) {
    run.flow.steps.forEach((step) => steps.add(step));
    for (const held of Object.values(run.pictures)) held.steps.forEach((step) => steps.add(step));
    run.findings.forEach((finding) => steps.add(Math.min(finding.step, run.last)));
    if (run.state !== "running" && run.last >= 0) steps.add(run.last);
    if (!run.flow.steps.length) run.drawn("loss")?.steps.forEach((step) => steps.add(step));
  }
  return [...steps].sort((a, b) => a - b);
}

// One axis for networks of different depth: a layer the longer one lacks stands behind the layer
// it follows in its own network.
function mergedLayers(runs) {
  const [longest, ...others] = [...runs].sort((a, b) => b.layers.length - a.layers.length);
  const merged = longest ? [...longest.layers] : [];
  for (const run of others) {
    run.layers.forEach((layer, i) => {
      if (merged.includes(layer)) return;
      merged.splice(i ? merged.indexOf(run.layers[i - 1]) + 1 : 0, 0, layer);
    });
  }
  return merged;
}
