// A picture; a click, or an arrow key and a pause, tells Python a place in it as shares.

const PAUSE = 250; // ms after the last key

export default function ({ data, parentElement, setTriggerValue }) {
  const image = parentElement.querySelector("img");
  const { header, parts } = readFrame(data);
  const before = image.src;
  image.onload = () => before.startsWith("blob:") && URL.revokeObjectURL(before);
  image.src = URL.createObjectURL(new Blob([parts.picture], { type: "image/png" }));
  image.alt = header.alt;
  image.setAttribute("aria-label", `${header.alt}. ${header.hint}`);
  image.title = header.hint;
  image.place = header.place;
  const send = ([x, y]) => setTriggerValue("placed", { x, y });
  image.onclick = (event) => {
    const box = image.getBoundingClientRect();
    send([(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]
      .map(share));
  };
  image.onkeydown = (event) => {
    const step = {
      ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
    }[event.key];
    if (!step) return;
    event.preventDefault();
    image.place = image.place.map((at, axis) => share(at + step[axis] * header.step));
    clearTimeout(image.timer);
    image.timer = setTimeout(() => send(image.place), PAUSE);
  };
}

function share(at) { return Math.max(0, Math.min(1, at)); }
