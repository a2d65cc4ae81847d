// Channels of a layer, each with a factor. A click switches a channel off or on, the slider scales
// it; one edit is sent when the slider comes to rest. Maps are drawn as edited: value x factor.

const LARGEST = 3; // of the slider; the page's text field takes any factor
const PAUSE = 250; // ms after the last key until the edit is sent
const PATIENCE = 5000; // ms for which the page's answer is waited for

export default function ({ data, parentElement, setTriggerValue }) {
  const { header, parts } = readFrame(data);
  const list = parentElement.querySelector("ul");
  const names = `${header.label} ${header.layer} ${header.channels.join()}`;
  if (list.dataset.names !== names) {
    list.dataset.names = names;
    list.setAttribute("aria-label", `Channels of ${header.layer}, ${header.label}`);
    list.replaceChildren(...header.channels.map(tile));
  }
  const [rows, columns] = header.size;
  header.channels.forEach((channel, i) => {
    const item = list.children[i];
    const map = parts.maps.subarray(i * rows * columns, (i + 1) * rows * columns);
    const show = (factor) => {
      paint(item.querySelector("canvas"), map, rows, columns, factor, parts.colours);
      describe(item, header, i, factor);
    };
    const slider = item.querySelector("input");
    slider.oninput = () => {
      item.wanted = { factor: Number(slider.value), until: Date.now() + PATIENCE };
      show(item.wanted.factor);
    };
    slider.onchange = () => {
      clearTimeout(item.timer);
      const factor = Number(slider.value);
      item.timer = setTimeout(() => setTriggerValue("edited", { channel, factor }), PAUSE);
    };
    item.querySelector("button").onclick = () => {
      const factor = Number(item.dataset.factor) === 0 ? 1 : 0;
      clearTimeout(item.timer);
      item.wanted = undefined;
      setTriggerValue("edited", { channel, factor });
    };
    // An answer to an earlier key must not take back what was pressed since.
    const late = item.wanted && item.wanted.factor !== header.factors[i] && Date.now() < item.wanted.until;
    if (!late) {
      item.wanted = undefined;
      slider.value = Math.min(LARGEST, Math.max(0, header.factors[i]));
      show(header.factors[i]);
    }
  });
  setText(parentElement.querySelector(".scale"),
    `0 to ${short(header.limit)}, one scale. Click: off or on; slider: 0 to ${LARGEST} times.`);
}

function tile(channel) {
  const item = document.createElement("li");
  item.dataset.channel = channel;
  const button = document.createElement("button");
  button.type = "button";
  const badge = document.createElement("span");
  badge.className = "badge";
  button.append(document.createElement("canvas"), badge);
  const below = document.createElement("label");
  const name = document.createElement("span");
  name.textContent = channel;
  const slider = document.createElement("input");
  Object.assign(slider, { type: "range", min: 0, max: LARGEST, step: 0.25 });
  below.append(name, slider);
  item.append(button, below);
  return item;
}

function describe(item, header, i, factor) {
  const channel = header.channels[i];
  const button = item.querySelector("button");
  const state = factor === 0 ? "off" : factor === 1 ? "" : `× ${short(factor)}`;
  button.setAttribute("aria-pressed", String(factor === 0));
  button.setAttribute("aria-label", `Channel ${channel}${state ? `, ${state}` : ""}`);
  button.title = `Channel ${channel}: mean ${short(header.means[i])} before the edit. ` +
    (factor === 0 ? "Click to switch it on." : "Click to switch it off.");
  setText(item.querySelector(".badge"), state);
  item.querySelector("input").setAttribute("aria-label", `Factor of channel ${channel}`);
  item.dataset.factor = factor;
}

function paint(canvas, map, rows, columns, factor, colours) {
  canvas.width = columns;
  canvas.height = rows;
  const image = new ImageData(columns, rows);
  for (let i = 0; i < map.length; i++) {
    const at = 3 * Math.max(0, Math.min(255, Math.round(map[i] * factor)));
    image.data.set([colours[at], colours[at + 1], colours[at + 2], 255], 4 * i);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}
