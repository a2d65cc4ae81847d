// Steps and thresholds of all detection photos of the page; they follow by a document event. Python
// hears of it when a slider is let go, so that the address keeps it.

const LOOK = "vgg-viz:detection";
const STEPS = {
  proposals: "1 Proposals", scored: "2 Scored", suppressed: "3 Suppressed", refined: "4 Refined",
};
const PACE = 1700; // ms a step while playing
const PAUSE = 500; // ms after the last move of a slider

export default (component) => mount(component, DetectionBar);

class DetectionBar {
  constructor(root) {
    const find = (name) => root.querySelector(name);
    this.play = find(".play");
    this.sliders = { least: find(".least input"), overlap: find(".overlap input") };
    this.texts = { least: find(".least span"), overlap: find(".overlap span") };
    this.makeSteps(find(".steps"));
    for (const [name, slider] of Object.entries(this.sliders)) {
      slider.oninput = () => this.change({ [name]: Number(slider.value) });
    }
    this.play.onclick = () => (this.playing ? this.stop() : this.start());
    this.stop();
  }

  close() {
    clearTimeout(this.timer);
    this.timer = null;
    this.stop();
  }

  makeSteps(box) {
    this.steps = Object.entries(STEPS).map(([step, title]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("role", "radio");
      button.textContent = title;
      button.dataset.step = step;
      button.onclick = () => { this.stop(); this.change({ step }); };
      box.append(button);
      return button;
    });
  }

  show({ step, least, overlap }) {
    if (!this.timer && !this.playing) this.set({ step, least, overlap });
  }

  set(look) {
    this.look = look;
    for (const button of this.steps) {
      button.setAttribute("aria-checked", button.dataset.step === look.step);
    }
    for (const [name, slider] of Object.entries(this.sliders)) slider.value = look[name];
    setText(this.texts.least, `Score at least ${signed(look.least)}`);
    setText(this.texts.overlap, `Suppress above IoU ${look.overlap.toFixed(2)}`);
  }

  change(part) {
    this.set({ ...this.look, ...part });
    document.dispatchEvent(new CustomEvent(LOOK, { detail: this.look }));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = null;
      if (!this.playing) this.send("looked", this.look);
    }, PAUSE);
  }

  start() {
    const names = Object.keys(STEPS);
    setText(this.play, "■ Stop");
    let at = 0;
    const next = () => {
      this.playing = true;
      this.change({ step: names[at] });
      at += 1;
      if (at < names.length) this.pace = setTimeout(next, PACE);
      else this.stop();
    };
    next();
  }

  stop() {
    clearTimeout(this.pace);
    this.playing = false;
    setText(this.play, "▶ Play");
  }
}

function signed(value) { return value.toFixed(2).replace("-", "−"); }
