// Recorded trainings, moved through by one slider: loss, accuracy, gradient flow, kernels and
// Grad-CAM of one or two runs. Playing asks nothing of the server.

const PACE = 5, CALM_PACE = 2; // measurements a second at 1x; with reduced motion at any speed
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

export default (component) => mount(component, Replay);

class Replay {
  constructor(parent) {
    const find = (name) => parent.querySelector(name);
    this.root = find(".replay");
    this.find = find;
    this.stores = new Map();
    this.runs = [];
    this.steps = []; // the slider's positions
    this.position = 0;
    this.following = false;
    this.charts = {
      flow: new FlowChart(find(".flow canvas")), loss: new ScalarChart(find(".loss canvas")),
      accuracy: new ScalarChart(find(".accuracy canvas")),
      histogram: new HistogramChart(find(".histogram canvas")),
    };
    this.kernels = new KernelPanel(find(".kernels .pair"));
    this.cams = new CamPanel(find(".cam .pair"));
    this.slider = find(".steps");
    this.quantity = find(".quantity");
    this.counted = find(".counted");
    this.listen();
    this.onKey = (event) => this.key(event);
    this.observer = new ResizeObserver(() => this.repaint());
  }

  listen() {
    const { find } = this;
    this.slider.oninput = () => { this.pause(); this.go(Number(this.slider.value)); };
    find(".play").onclick = () => (this.timer ? this.pause() : this.play());
    find(".speed").onchange = () => this.timer && (this.pause(), this.play());
    find(".follow").onclick = () => this.follow();
    this.quantity.onchange = this.counted.onchange = () => this.repaint();
    find(".own input").onchange = () => this.repaint();
    // The theme's change of colours is a transition of this element.
    this.root.ontransitionend = (event) => event.target === this.root && this.repaint();
    this.pointer = new Pointer(this);
  }

  open() {
    document.addEventListener("keydown", this.onKey);
    this.observer.observe(this.root);
  }

  close() {
    document.removeEventListener("keydown", this.onKey);
    this.observer.disconnect();
    this.pause();
  }

  // A frame: whole runs, or what came lately.
  show(data) {
    const { header, parts } = readFrame(data);
    this.magnitudes = header.magnitudes;
    this.plasma ??= parts.plasma.slice();
    const before = this.runs.map((run) => run.run);
    const missing = [];
    this.runs = header.runs.map((head, i) => {
      let store = this.stores.get(head.run);
      if (head.after < 0 && !(store && store.last === head.last && store.state === head.state)) {
        store = this.renewed(head, store);
      } else if (!store) store = this.renewed(head, null);
      if (!store.merge(head, (name) => parts[`${i}.${name}`])) missing.push(head.run);
      return store;
    }).filter((run) => run.last >= 0 || !missing.includes(run.run));
    // Only once per run: the answer is a whole run, and later frames fit again.
    const asked = missing.filter((run) => !this.asked?.has(run));
    this.asked = new Set(missing);
    if (asked.length) this.send("resend", asked);
    const fresh = !this.runs.some((run) => before.includes(run.run));
    for (const run of this.stores.keys()) {
      if (!header.runs.some((head) => head.run === run)) this.stores.delete(run);
    }
    if (fresh) this.following = header.live;
    this.live = header.live;
    this.arrange(fresh);
  }

  renewed(head, old) {
    const store = new RunStore(head);
    if (old?.photo) store.photo = old.photo;
    store.onPhoto = () => this.repaint();
    this.stores.set(head.run, store);
    return store;
  }

  arrange(fresh) {
    const step = this.step();
    this.steps = timeline(this.runs);
    this.layers = mergedLayers(this.runs);
    if (!this.layers.includes(this.layer)) this.layer = this.layers[0];
    const measured = Object.keys(QUANTITIES).filter((name) =>
      this.runs.some((run) => run.flow.rows[name]?.some((row) => row.some(Number.isFinite))));
    fillSelect(this.quantity, measured, QUANTITIES);
    const titles = Object.fromEntries(
      Object.entries(HISTOGRAMS).map(([name, title]) => [name, `log₁₀ |${title}|`]));
    fillSelect(this.counted, Object.keys(HISTOGRAMS).filter((name) =>
      this.runs.some((run) => run.histograms[name]?.length)), titles);
    this.slider.max = Math.max(0, this.steps.length - 1);
    const list = this.find(".legend");
    if (list.children.length !== this.runs.length) {
      list.replaceChildren(...this.runs.map(legendRow));
    }
    this.listFindings();
    this.captions();
    if (this.following || fresh) this.position = this.newest();
    else this.position = Math.max(0, RunStore.at(this.steps, step));
    this.repaint();
  }

  // The end, where what came out is seen; while a training runs, its newest measurement, beside
  // which another run is shown at the same step.
  newest() {
    const going = this.runs.filter((run) => run.state === "running");
    if (!this.live || !going.length) return this.steps.length - 1;
    const last = Math.max(0, ...going.map((run) => run.flow.steps.at(-1) ?? 0));
    return Math.max(0, RunStore.at(this.steps, last));
  }

  step() { return this.steps[this.position] ?? 0; }

  listFindings() {
    const said = JSON.stringify(this.runs.map((run) => [run.title, run.findings]));
    if (said === this.said) return;
    this.said = said;
    const go = (finding) => {
      this.pause();
      if (this.layers.includes(finding.layer)) this.layer = finding.layer;
      this.goTo(finding.step);
    };
    this.find(".findings").replaceChildren(...findingRows(this.runs, palette(this.root), go));
  }

  captions() {
    const { runs, find } = this;
    for (const name of ["loss", "accuracy"]) {
      const units = new Set(name === "loss" ? runs.map((run) => run.unit) : []);
      const unit = units.size === 1 ? [...units][0] : "";
      setText(find(`.${name} .note`), [unit, scalarNote(runs, name)].filter(Boolean).join("; "));
      find(`.${name}`).hidden = !runs.some((run) =>
        run.drawn(name) || run.drawn(`validation_${name}`));
    }
    find(".flow").hidden = find(".histogram").hidden = !runs.some((run) => run.flow.steps.length);
    find(".kernels").hidden = !runs.some((run) => run.pictures.kernels?.steps.length);
    find(".cam").hidden = !runs.some((run) => run.pictures.cam?.steps.length);
    find(".own").hidden = runs.length < 2 || (find(".kernels").hidden && find(".cam").hidden);
  }

  // --- moving ------------------------------------------------------------------------------

  go(position) {
    this.position = Math.max(0, Math.min(this.steps.length - 1, position));
    this.following = this.live && this.position === this.newest();
    this.repaint();
    if (!this.timer) this.announce();
  }

  goTo(step) { this.go(Math.max(0, RunStore.at(this.steps, step))); }

  follow() {
    this.pause();
    this.go(this.newest());
  }

  play() {
    if (this.position >= this.steps.length - 1) this.position = 0;
    this.following = false;
    const speed = Number(this.find(".speed").value);
    const period = 1000 / (calm.matches ? CALM_PACE : PACE * speed);
    this.due = performance.now() + period;
    const tick = (now) => {
      if (now >= this.due) {
        // A slow machine leaves measurements out instead of falling behind.
        const steps = 1 + Math.floor((now - this.due) / period);
        this.due += steps * period;
        this.go(this.position + steps);
        if (this.position >= this.steps.length - 1) return this.pause();
      }
      this.timer = requestAnimationFrame(tick);
    };
    this.timer = requestAnimationFrame(tick);
    this.playButton();
  }

  pause() {
    if (!this.timer) return;
    cancelAnimationFrame(this.timer);
    this.timer = null;
    this.playButton();
    this.announce();
  }

  playButton() { setText(this.find(".play"), this.timer ? "❚❚ Pause" : "▶ Play"); }

  // Keys work while nothing else on the page wants them.
  key(event) {
    const inner = this.root.getRootNode().activeElement;
    const outer = document.activeElement;
    const here = inner && this.root.contains(inner);
    const nobody = !outer || outer === document.body || outer.tagName === "SECTION";
    if ((!here && !nobody) || event.ctrlKey || event.metaKey || event.altKey) return;
    const tag = inner?.tagName;
    if (here && (tag === "SELECT" || tag === "BUTTON" || inner.type === "checkbox")) return;
    if (inner === this.charts.flow.canvas && this.layerKey(event)) return;
    const moves = { ArrowLeft: -1, ArrowRight: 1 };
    const ends = { Home: 0, End: this.steps.length - 1 };
    if (event.key === " ") (this.timer ? this.pause() : this.play());
    else if (event.key in moves) { this.pause(); this.go(this.position + moves[event.key]); }
    else if (here && event.key in ends) { this.pause(); this.go(ends[event.key]); }
    else return;
    event.preventDefault();
  }

  layerKey(event) {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move) return false;
    event.preventDefault();
    const at = this.layers.indexOf(this.layer) + move;
    this.choose(this.layers[Math.max(0, Math.min(this.layers.length - 1, at))]);
    setText(this.find(".live"), this.pointer.layerLines(this.layer).join(", "));
    return true;
  }

  choose(layer) {
    this.layer = layer;
    this.repaint();
  }

  announce() {
    const words = this.runs.map((run) => `${run.title}: ${readings(run, this.step())}`);
    setText(this.find(".live"), `Step ${this.step()}. ${words.join(". ")}`);
  }

  // --- painting ----------------------------------------------------------------------------

  repaint() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.paint());
  }

  paint() {
    if (!this.runs.length || !this.root.clientWidth) return;
    const begun = performance.now();
    const colours = palette(this.root), step = this.step();
    this.paintBar(colours, step);
    this.paintScalars(colours, step);
    this.paintFlow(colours, step);
    this.paintPictures(step);
    const spent = performance.now() - begun;
    Object.assign(this.root.dataset, { step, painted: Number(this.root.dataset.painted ?? 0) + 1,
      milliseconds: spent.toFixed(1), following: this.following });
  }

  paintBar(colours, step) {
    const { find, runs } = this;
    this.slider.value = this.position;
    const share = 100 * this.position / Math.max(1, this.steps.length - 1);
    this.slider.style.setProperty("--share", `${share}%`);
    const last = Math.max(...runs.map((run) => run.last));
    setText(find(".now"), `step ${step} of ${last}`);
    this.slider.setAttribute("aria-valuetext", `step ${step} of ${last}`);
    find(".follow").hidden = !this.live || this.following;
    [...find(".legend").children].forEach((row, i) => {
      const [swatch, title, state, numbersAt] = row.children;
      const look = `${colours.runs[i]} ${window.devicePixelRatio}`;
      if (swatch.dataset.look !== look) paintSwatch(swatch, i, colours);
      swatch.dataset.look = look;
      setText(title, runs[i].title);
      setText(state, ENDED[runs[i].state] ?? runs[i].state);
      state.dataset.state = runs[i].state;
      setText(numbersAt, readings(runs[i], step));
    });
  }

  paintScalars(colours, step) {
    const { runs, charts } = this;
    const shared = { runs, step, steps: [0, Math.max(...runs.map((run) => run.last))] };
    if (!this.find(".loss").hidden) {
      const names = ["loss", "validation_loss"];
      const log = wideRange(runs, names);
      charts.loss.paint(colours, { ...shared, names, log, from: log ? null : 0, findings: true });
    }
    if (!this.find(".accuracy").hidden) {
      charts.accuracy.paint(colours,
        { ...shared, names: ["accuracy", "validation_accuracy"], from: 0, to: 1 });
    }
  }

  paintFlow(colours, step) {
    if (this.find(".flow").hidden) return;
    const { runs, charts, layers, layer } = this;
    const quantity = this.quantity.value;
    const share = isShare(quantity);
    const scale = this.kept("scale", quantity, () => scaleOf(
      runs.flatMap((run) => run.flow.rows[quantity] ?? []),
      share ? { from: 0, to: 1 } : { log: true }));
    charts.flow.paint(colours, { runs, layers, quantity, scale, step, selected: layer });
    const every = Math.max(...runs.map((run) => run.flow.every));
    const thin = every > 1 ? `; every ${every}th measurement` : "";
    setText(this.find(".flow .note"), `${share ? "axis 0 to 1" : "log axis"}, the same for all steps; ` +
      `click a layer${lostNumbers(runs, quantity, step)}${this.measuredAt(step)}${thin}`);
    charts.flow.canvas.setAttribute("aria-label", `${QUANTITIES[quantity]} over the layers at ` +
      `step ${step}; left and right arrows read a layer`);
    const name = this.counted.value, [, , bins] = this.magnitudes;
    const highest = this.kept("highest", `${name} ${layer}`,
      () => highestShare(runs, name, layer, bins));
    charts.histogram.paint(colours,
      { runs, layer, name, step, magnitudes: this.magnitudes, highest });
    setText(this.find(".histogram .note"),
      `${layer}: share of values per bin of 0.4 decades; zeros left out; axis the same for all steps`);
    charts.histogram.canvas.setAttribute("aria-label", `Histogram of log10 of ${name} in ${layer}`);
  }

  // What goes through a whole run is worked out once per run, choice and frame.
  kept(name, choice, make) {
    const key = [choice, ...this.runs.map((run) => `${run.run} ${run.version}`)].join("|");
    this.memory ??= {};
    if (this.memory[name]?.key !== key) this.memory[name] = { key, value: make() };
    return this.memory[name].value;
  }

  // Which measurement a step shows, where runs were not measured at the same ones.
  measuredAt(step) {
    const shown = this.runs
      .map((run) => run.flow.steps[RunStore.at(run.flow.steps, step)])
      .filter((at) => at !== undefined);
    if (!shown.length || shown.every((at) => at === step)) return "";
    return `; measured at step ${[...new Set(shown)].join(" and ")}`;
  }

  paintPictures(step) {
    const { runs, find } = this;
    const own = find(".own input").checked;
    this.kernels.paint({ runs, step, own });
    setText(find(".kernels .note"), "grey is 0, black and white are ± the number below; " +
      (own || runs.length < 2 ? "one scale for all steps" : "one scale for all steps and both runs"));
    const high = this.cams.paint({ runs, step, own, colours: this.plasma });
    const { camTarget, sample } = runs.find((run) => run.camTarget) ?? {};
    setText(find(".cam .note"), [camTarget && `class ${camTarget}`, sample && `photo ${sample}`,
      own && runs.length > 1 ? "each run: one scale for all steps" : "one scale for all steps" +
        (runs.length > 1 ? " and both runs" : "")].filter(Boolean).join("; "));
    find(".scale").hidden = (own && runs.length > 1) || high <= 0;
    setText(find(".cam .high"), short(high));
    if (!this.legendPainted) this.paintLegend();
  }

  paintLegend() {
    const bar = this.find(".colours"), image = new ImageData(256, 1);
    for (let i = 0; i < 256; i++) {
      image.data.set([...this.plasma.subarray(3 * i, 3 * i + 3), 255], 4 * i);
    }
    Object.assign(bar, { width: 256, height: 1 });
    bar.getContext("2d").putImageData(image, 0, 0);
    this.legendPainted = true;
  }
}

// A loss that explodes would press everything else to the floor of a linear axis.
function wideRange(runs, names) {
  let low = Infinity, high = 0;
  for (const run of runs) {
    for (const name of names) {
      for (const value of run.drawn(name)?.values ?? []) {
        if (!Number.isFinite(value)) continue;
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
    }
  }
  return low > 0 && high > 100 && high / low > 100;
}
