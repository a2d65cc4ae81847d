// What the pointer reads from the panels, and where it goes on a click.

class Pointer {
  constructor(view) {
    this.view = view;
    this.tip = view.find(".tip");
    const { charts } = view;
    for (const name of ["loss", "accuracy"]) {
      const { canvas } = charts[name];
      this.over(canvas, (event) => this.readScalar(name, event));
      canvas.onclick = (event) => {
        view.pause();
        view.goTo(charts[name].stepAt(event.offsetX));
      };
    }
    const flow = charts.flow.canvas;
    this.over(flow, (event) => this.readLayer(event));
    flow.onclick = (event) => view.choose(charts.flow.layerAt(event.offsetX));
    this.over(charts.histogram.canvas, (event) => this.readHistogram(event));
    this.over(view.find(".kernels .pair"), (event) => this.readKernel(event));
    this.over(view.find(".cam .pair"), (event) => this.readCam(event));
  }

  over(element, read) {
    element.onpointermove = (event) => {
      if (this.view.runs.length) placeTip(this.tip, this.view.root, event, read(event) ?? []);
    };
    element.onpointerleave = () => { this.tip.hidden = true; };
  }

  readScalar(name, event) {
    const step = this.view.charts[name].stepAt(event.offsetX);
    const print = name === "loss" ? printed : printedShare;
    const lines = this.view.runs.map((run) => {
      if (step > run.last) return `${run.title}: ${readings(run, step)}`;
      const training = run.valueAt(name, step), validation = run.valueAt(`validation_${name}`, step);
      return `${run.title}: ` + [
        training && `training ${print(training.value)} (step ${training.step})`,
        validation && `validation ${print(validation.value)} (step ${validation.step})`,
      ].filter(Boolean).join(", ");
    });
    return lines;
  }

  readLayer(event) {
    const layer = this.view.charts.flow.layerAt(event.offsetX);
    return this.layerLines(layer);
  }

  layerLines(layer) {
    const quantity = this.view.quantity.value, print = isShare(quantity) ? printedShare : printed;
    const lines = this.view.runs.map((run) => {
      const at = run.layers.indexOf(layer);
      const row = flowRow(run, quantity, this.view.step());
      if (at < 0) return `${run.title}: no such layer`;
      return `${run.title}: ${row ? print(row[at]) : "not measured"}`;
    });
    return [`${layer}, ${QUANTITIES[quantity]}`, ...lines];
  }

  readHistogram(event) {
    const { box } = this.view.charts.histogram, [low, high, bins] = this.view.magnitudes;
    const share = (event.offsetX - box.left) / (box.right - box.left);
    const bin = Math.max(0, Math.min(bins - 1, Math.floor(share * bins)));
    const from = low + bin * (high - low) / bins, to = from + (high - low) / bins;
    const lines = this.view.runs.map((run) => {
      const counts = histogramOf(run, this.view.counted.value, this.view.layer, this.view.step(), bins);
      return `${run.title}: ${counts ? percent(counts[bin] / 65535) : "not measured"}`;
    });
    return [`10^${from.toFixed(1)} to 10^${to.toFixed(1)}`, ...lines];
  }

  readKernel(event) {
    const n = this.view.kernels.cells.findIndex(({ canvas }) => canvas === event.target);
    const kernels = this.view.runs[n]?.pictures.kernels;
    const o = n < 0 || !kernels ? null : kernelAt(event.target, event);
    if (o === null) return [];
    const size = kernels.shape.slice(1).reduce((product, side) => product * side, 1);
    const frame = kernels.frames[RunStore.at(kernels.steps, this.view.step())];
    const values = frame.subarray(o * size, (o + 1) * size);
    return [`kernel ${o}: ${short(Math.min(...values))} to ${short(Math.max(...values))}`];
  }

  readCam(event) {
    const n = this.view.cams.cells.findIndex(({ canvas }) => canvas === event.target);
    const cam = this.view.runs[n]?.pictures.cam;
    const frame = cam?.frames[RunStore.at(cam.steps, this.view.step())];
    if (!frame) return [];
    const [rows, cols] = cam.shape, box = event.target.getBoundingClientRect();
    const cell = (share, count) => Math.max(0, Math.min(count - 1, Math.floor(share * count)));
    const row = cell((event.clientY - box.top) / box.height, rows);
    const col = cell((event.clientX - box.left) / box.width, cols);
    const value = frame[row * cols + col];
    return [`row ${row + 1}, column ${col + 1}: ${short(value)}${value > 0 ? "" : " (not drawn)"}`];
  }
}
