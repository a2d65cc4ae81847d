// The photos to choose from, as a row of thumbnails that scrolls sideways.

export default function ({ data, parentElement, setTriggerValue }) {
  const strip = parentElement.querySelector(".strip");
  const { header, parts } = readFrame(data);
  const names = header.photos.map((photo) => photo.name).join();
  if (strip.dataset.names !== names) {
    strip.dataset.names = names;
    strip.replaceChildren(...header.photos.map((photo, i) => thumbnail(photo, parts[i])));
  }
  const buttons = [...strip.children];
  buttons.forEach((button, i) => {
    const chosen = header.photos[i].name === header.selected;
    button.setAttribute("aria-checked", String(chosen));
    button.tabIndex = chosen || (header.selected === null && i === 0) ? 0 : -1;
    button.onclick = () => setTriggerValue("picked", header.photos[i].name);
    button.onkeydown = (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      buttons[(i + step + buttons.length) % buttons.length].focus();
    };
    if (chosen) reveal(strip, button);
  });
}

// Not scrollIntoView: that would move the page as well.
function reveal(strip, button) {
  const left = button.offsetLeft - strip.offsetLeft;
  if (left < strip.scrollLeft) strip.scrollLeft = left - 4;
  const hidden = left + button.offsetWidth - strip.clientWidth;
  if (hidden > strip.scrollLeft) strip.scrollLeft = hidden + 4;
}

function thumbnail({ name, title }, jpeg) {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("role", "radio");
  button.setAttribute("aria-label", title);
  button.title = title;
  button.dataset.name = name;
  const image = document.createElement("img");
  image.alt = "";
  image.src = URL.createObjectURL(new Blob([jpeg], { type: "image/jpeg" }));
  image.onload = () => URL.revokeObjectURL(image.src);
  button.append(image);
  return button;
}
