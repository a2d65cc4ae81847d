// One bar for the look of all overlays of the page. It tells them by an event of the document and
// keeps the look in the browser's address. The server never hears of it, and leaves it out when it
// writes the address of another view: then it is put in again.

const LOOK = "vgg-viz:look";
const WHICH_LOOK = "vgg-viz:which-look";

export default (component) => mount(component, MapLook);

class MapLook {
  constructor(root) {
    const find = (name) => root.querySelector(name);
    this.opacity = find(".opacity");
    this.threshold = find(".threshold");
    this.palette = find("select");
    this.outputs = root.querySelectorAll("output");
    for (const input of [this.opacity, this.threshold, this.palette]) {
      input.oninput = () => this.set(this.chosen());
      input.onchange = () => this.write();
    }
    this.onWhich = () => this.tell();
    this.onPop = () => this.addressed() && this.set(this.addressed());
  }

  open() {
    document.addEventListener(WHICH_LOOK, this.onWhich);
    window.addEventListener("popstate", this.onPop);
  }

  close() {
    document.removeEventListener(WHICH_LOOK, this.onWhich);
    window.removeEventListener("popstate", this.onPop);
  }

  show(data) {
    const { header, parts } = readFrame(data);
    this.header = header;
    if (!this.look) this.begin(header, parts);
    if (this.look !== (this.addressed() ?? header.look)) this.write();
  }

  begin(header, parts) {
    this.tables = Object.fromEntries(header.palettes.map(([name]) => [name, {
      positive: parts[`${name}_positive`].slice(), signed: parts[`${name}_signed`].slice(),
    }]));
    this.threshold.max = header.most;
    this.palette.replaceChildren(...header.palettes.map(([name, title]) => {
      const option = document.createElement("option");
      option.value = name;
      option.textContent = title;
      return option;
    }));
    this.set(this.addressed() ?? remembered(this) ?? header.look);
  }

  addressed() {
    const look = new URLSearchParams(location.search).get("look") ?? "";
    return this.valid(look) ? look : null;
  }

  valid(text) {
    const [opacity, threshold, palette, ...rest] = text.split(",");
    const within = (number, most) => /^\d{1,3}$/.test(number ?? "") && Number(number) <= most;
    return within(opacity, 100) && within(threshold, this.header.most) &&
      Object.hasOwn(this.tables, palette ?? "") && !rest.length;
  }

  chosen() { return [this.opacity.value, this.threshold.value, this.palette.value].join(","); }

  set(look) {
    this.look = look;
    const [opacity, threshold, palette] = look.split(",");
    this.opacity.value = opacity;
    this.threshold.value = threshold;
    this.palette.value = palette;
    [opacity, threshold].forEach((value, i) => setText(this.outputs[i], `${Number(value)} %`));
    this.tell();
  }

  tell() {
    if (!this.tables) return;
    const detail = {
      opacity: Number(this.opacity.value),
      threshold: Number(this.threshold.value) / 100,
      tables: this.tables[this.palette.value],
    };
    document.dispatchEvent(new CustomEvent(LOOK, { detail }));
  }

  // Not a new entry of the history: back leads to another view, not to another opacity.
  write() {
    const address = new URL(location.href);
    address.searchParams.set("look", this.look);
    try { sessionStorage.setItem(LOOK, this.look); } catch { /* private windows may refuse */ }
    history.replaceState(history.state, "", address.href.replaceAll("%2C", ","));
  }
}

function remembered(bar) {
  try {
    const look = sessionStorage.getItem(LOOK) ?? "";
    return bar.valid(look) ? look : null;
  } catch { return null; }
}
