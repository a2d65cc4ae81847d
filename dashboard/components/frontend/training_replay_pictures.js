// First-layer kernels and Grad-CAM of one run at one step.

const PHOTO_SIDE = 448; // px of the canvas
const CAM_SIDE = 112; // px of the heat; the canvas scales it, and a step stays cheap
const CAM_FADE = 4; // as in vgg_viz/figures/overlay.py: full opacity from a quarter of the scale on

const KERNELS_WIDTH = 520, KERNEL_GAP = 10; // px of the canvas

// Kernels side by side: zero is mid grey, +-limit white and black, in each colour channel.
function paintKernels(canvas, held, i, limit) {
  const [out, , rows, cols] = held.shape;
  const across = Math.ceil(Math.sqrt(out * 1.6)), down = Math.ceil(out / across);
  const atlas = offscreen(kernelAtlas(held, i, limit));
  const cell = Math.max(cols, Math.floor((KERNELS_WIDTH + KERNEL_GAP) / across) - KERNEL_GAP);
  const tall = Math.round(cell * rows / cols);
  const pitch = [cell + KERNEL_GAP, tall + KERNEL_GAP];
  const width = across * pitch[0] - KERNEL_GAP, height = down * pitch[1] - KERNEL_GAP;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  context.imageSmoothingEnabled = false;
  for (let o = 0; o < out; o++) {
    context.drawImage(atlas, o * cols, 0, cols, rows,
      (o % across) * pitch[0], Math.floor(o / across) * pitch[1], cell, tall);
  }
  canvas.geometry = { across, out, pitch, size: [width, height] };
}

// All kernels in a row, a pixel per weight.
function kernelAtlas(held, i, limit) {
  const [out, channels, rows, cols] = held.shape;
  const image = new ImageData(out * cols, rows);
  const frame = held.frames[i];
  for (let o = 0; o < out; o++) {
    for (let p = 0; p < rows * cols; p++) {
      const to = 4 * (Math.floor(p / cols) * image.width + o * cols + (p % cols));
      for (let c = 0; c < 3; c++) {
        const from = (o * channels + (channels === 3 ? c : 0)) * rows * cols + p;
        image.data[to + c] = Math.round(127.5 + 127.5 * (limit ? frame[from] / limit : 0));
      }
      image.data[to + 3] = 255;
    }
  }
  return image;
}

function offscreen(image) {
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// The kernel below the pointer; null between kernels.
function kernelAt(canvas, event) {
  const { across, out, pitch, size } = canvas.geometry;
  const box = canvas.getBoundingClientRect();
  const col = Math.floor((event.clientX - box.left) / box.width * size[0] / pitch[0]);
  const row = Math.floor((event.clientY - box.top) / box.height * size[1] / pitch[1]);
  const kernel = row * across + col;
  return col >= 0 && col < across && kernel >= 0 && kernel < out ? kernel : null;
}

// The middle square of the photo, and the positive part of the map over it.
function paintCam(canvas, run, held, i, limit, colours) {
  if (canvas.width !== PHOTO_SIDE) canvas.width = canvas.height = PHOTO_SIDE;
  const context = canvas.getContext("2d");
  const { photo } = run;
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (photo) {
    const side = Math.min(photo.width, photo.height);
    context.drawImage(photo, (photo.width - side) / 2, (photo.height - side) / 2, side, side,
      0, 0, canvas.width, canvas.height);
  }
  if (limit > 0) {
    context.globalAlpha = 0.7;
    context.drawImage(offscreen(heat(held, held.frames[i], limit, colours)),
      0, 0, canvas.width, canvas.height);
    context.globalAlpha = 1;
  }
}

// Bilinear, align_corners=False: a cell's value stands at its centre.
function heat(held, frame, limit, colours) {
  const [rows, cols] = held.shape;
  const across = cells(cols), down = cells(rows);
  const image = new ImageData(CAM_SIDE, CAM_SIDE);
  for (let y = 0, at = 0; y < CAM_SIDE; y++) {
    const top = down.low[y] * cols, bottom = down.high[y] * cols, v = down.weight[y];
    for (let x = 0; x < CAM_SIDE; x++, at += 4) {
      const left = across.low[x], right = across.high[x], u = across.weight[x];
      const upper = relu(frame[top + left]) * (1 - u) + relu(frame[top + right]) * u;
      const lower = relu(frame[bottom + left]) * (1 - u) + relu(frame[bottom + right]) * u;
      const shown = Math.min(1, (upper * (1 - v) + lower * v) / limit);
      const colour = 3 * Math.round(255 * shown);
      image.data[at] = colours[colour];
      image.data[at + 1] = colours[colour + 1];
      image.data[at + 2] = colours[colour + 2];
      image.data[at + 3] = 255 * Math.min(1, CAM_FADE * shown);
    }
  }
  return image;
}

function relu(value) { return value > 0 ? value : 0; }

const cellsOf = new Map(); // by source size: the same for every step

function cells(source) {
  if (cellsOf.has(source)) return cellsOf.get(source);
  const low = new Int32Array(CAM_SIDE), high = new Int32Array(CAM_SIDE);
  const weight = new Float32Array(CAM_SIDE);
  for (let i = 0; i < CAM_SIDE; i++) {
    const at = Math.max(0, Math.min(source - 1, (i + 0.5) * source / CAM_SIDE - 0.5));
    low[i] = Math.floor(at);
    high[i] = Math.min(low[i] + 1, source - 1);
    weight[i] = at - low[i];
  }
  cellsOf.set(source, { low, high, weight });
  return cellsOf.get(source);
}
