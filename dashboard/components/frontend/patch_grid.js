// Figure 2 of ZFNet: nine patches, and beside each the deconvnet's reconstruction in the same place.
// Pointing at either marks both and says what they are; Python hears which one was chosen.

const COARSE = 80; // px: smaller pictures are shown px by px

export default function ({ data, parentElement, setTriggerValue }) {
  const host = parentElement.querySelector(".host");
  const { header, parts } = readFrame(data);
  const grids = ["patches", "signals"].map((name) => host.querySelector(`.${name}`));
  const readout = host.querySelector(".readout");
  grids[0].setAttribute("aria-label", header.title);
  if (host.dataset.id !== header.id) {
    host.dataset.id = header.id;
    const places = [...Array(header.shown).keys()];
    grids[0].replaceChildren(...places.map((i) => cell("button", parts[`patch${i}`])));
    header.patches.forEach((patch, i) => {
      const value = document.createElement("span");
      value.textContent = patch.value;
      grids[0].children[i].append(value);
    });
    grids[1].replaceChildren(...places.map((i) => cell("div", parts[`signal${i}`])));
  }
  const cells = grids.map((grid) => [...grid.children]);
  const tell = (at) => {
    const shown = at ?? header.selected;
    cells.flat().forEach((each, i) => {
      each.classList.toggle("over", at !== null && i % header.shown === at);
      each.classList.toggle("chosen", i % header.shown === header.selected);
    });
    const patch = shown === null ? null : header.patches[shown];
    setText(readout, patch ? patch.words : header.hint);
  };
  header.patches.forEach((patch, i) => {
    const [button, signal] = [cells[0][i], cells[1][i]];
    button.setAttribute("aria-label", patch.words);
    button.classList.toggle("pick", patch.pick);
    for (const each of [button, signal]) {
      each.title = patch.words;
      each.onpointerenter = () => tell(i);
      each.onpointerleave = () => tell(null);
    }
    button.onfocus = () => tell(i);
    button.onblur = () => tell(null);
    button.onclick = () => (patch.pick ? setTriggerValue("picked", i) : tell(i));
    button.onkeydown = (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -3, ArrowDown: 3 }[event.key];
      if (!step) return;
      event.preventDefault();
      cells[0][Math.max(0, Math.min(header.patches.length - 1, i + step))].focus();
    };
  });
  tell(null);
  host.dataset.painted = header.id;
}

function cell(kind, png) {
  const element = document.createElement(kind);
  element.className = "cell";
  if (!png) {
    element.classList.add("empty");
    if (kind === "button") element.disabled = true;
    return element;
  }
  if (kind === "button") element.type = "button";
  const image = document.createElement("img");
  image.alt = "";
  image.src = URL.createObjectURL(new Blob([png], { type: "image/png" }));
  image.onload = () => {
    URL.revokeObjectURL(image.src);
    image.classList.toggle("coarse", image.naturalWidth < COARSE);
  };
  element.append(image);
  return element;
}
