// Prepended to every component. Reads what vgg_viz/figures/frames.py packs:
// u32 little-endian length | JSON header | payload; header.parts = {name: [offset, length]}.

function readFrame(data) {
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
  const length = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  const payload = bytes.subarray(4 + length);
  const parts = {};
  for (const [name, [offset, size]] of Object.entries(header.parts)) {
    parts[name] = payload.subarray(offset, offset + size);
  }
  return { header, parts };
}

// float16 by hand: Float16Array is younger than the browsers in lecture halls.
function halfFloats(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Float32Array(bytes.byteLength / 2);
  for (let i = 0; i < values.length; i++) {
    const half = view.getUint16(2 * i, true);
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >> 10) & 0x1f;
    const fraction = half & 0x3ff;
    values[i] = exponent === 0
      ? sign * fraction * 2 ** -24
      : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return values;
}

// A JPEG on a square canvas of `side` px, in place of what was there.
async function drawJpeg(canvas, jpeg, side) {
  const bitmap = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
  canvas.width = canvas.height = side;
  canvas.getContext("2d").drawImage(bitmap, 0, 0, side, side);
  bitmap.close();
}

// Three significant digits, as Python's "%.3g": 0.00123, 31.9, 1.2e+5.
function short(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e4 || size < 1e-3) return value.toExponential(1).replace("e+", "e");
  return String(Number(value.toPrecision(3)));
}

// Assigning text only when it differs keeps screen readers quiet.
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function percent(share) {
  const value = 100 * share;
  return `${value >= 99.95 || value < 0.05 ? value.toFixed(0) : value.toFixed(1)} %`;
}

// The view of one place on the page: made when the place is, and told what there is to show again
// and again, with other data or with another theme.
const views = new WeakMap();

function mount(component, View, send = component.setTriggerValue) {
  const { parentElement } = component;
  let view = views.get(parentElement);
  if (!view) {
    view = new View(parentElement);
    views.set(parentElement, view);
  }
  view.send = send;
  view.open?.();
  view.show(component.data);
  return () => view.close?.();
}
