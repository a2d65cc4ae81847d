// The most probable classes as bars. A bar is a button: it picks its class for the attribution.

export default function ({ data, parentElement, setTriggerValue }) {
  const list = parentElement.querySelector("ol");
  list.replaceChildren(...data.rows.map((row) => bar(row, data.picked, setTriggerValue)));
}

function bar({ index, name, probability, logit }, picked, setTriggerValue) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-pressed", String(index === picked));
  button.title = `${name}: ${percent(probability)}, logit ${short(logit)}. Click to explain this class.`;
  button.onclick = () => setTriggerValue("picked", index);
  const fill = document.createElement("span");
  fill.className = "fill";
  fill.style.width = `${100 * probability}%`;
  button.append(fill, text("label", name), text("value", percent(probability)));
  item.append(button);
  return item;
}

function text(className, content) {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = content;
  return element;
}
