// One line a network over the frames of a clip, and where the clip stands. Dragging scrubs.

const EDGE = { left: 52, right: 8, top: 8, bottom: 22 }; // px

class Curves {
  // `lines` are {values, series, dashed}, values in [-1, 1] or null; `at` is the frame.
  constructor(canvas, onFrame) {
    this.canvas = canvas;
    const scrub = (event) => {
      const box = canvas.getBoundingClientRect();
      const share = (event.clientX - box.left - EDGE.left) / (box.width - EDGE.left - EDGE.right);
      onFrame(Math.max(0, Math.min(1, share)));
    };
    canvas.onpointerdown = (event) => { canvas.setPointerCapture(event.pointerId); scrub(event); };
    canvas.onpointermove = (event) => event.buttons && scrub(event);
  }

  draw({ lines, seconds, at }) {
    const { canvas } = this, ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width) return;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const context = canvas.getContext("2d"), tones = tonesOf(canvas);
    context.scale(ratio, ratio);
    context.font = `12px ${tones.font}`;
    const x = (second) => EDGE.left + (width - EDGE.left - EDGE.right) * second / (seconds.at(-1) || 1);
    const low = lines.some(({ values }) => values?.some((value) => value < 0)) ? -1 : 0;
    const y = (share) => height - EDGE.bottom - (height - EDGE.bottom - EDGE.top) * (share - low) / (1 - low);
    context.strokeStyle = tones.border;
    context.fillStyle = tones.gray;
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const share of low ? [-1, 0, 1] : [0, 0.5, 1]) {
      stroke(context, [[EDGE.left, y(share)], [width - EDGE.right, y(share)]]);
      context.fillText(`${100 * share} %`.replace("-", "−"), EDGE.left - 6, y(share));
    }
    context.textBaseline = "alphabetic";
    context.textAlign = "left";
    context.fillText("0 s", EDGE.left, height - 6);
    context.textAlign = "right";
    context.fillText(`${seconds.at(-1).toFixed(1)} s`, width - EDGE.right, height - 6);
    for (const { values, series, dashed } of lines) {
      if (!values) continue;
      context.strokeStyle = context.fillStyle = tones.series[series % tones.series.length];
      context.lineWidth = 2.5;
      context.setLineDash(dashed ? [7, 5] : []);
      stroke(context, values.map((value, i) => [x(seconds[i]), y(value)]));
      context.setLineDash([]);
      context.beginPath();
      context.arc(x(seconds[at]), y(values[at]), 4.5, 0, 7);
      context.fill();
    }
    context.lineWidth = 1;
    context.strokeStyle = tones.text;
    stroke(context, [[x(seconds[at]), EDGE.top], [x(seconds[at]), height - EDGE.bottom]]);
  }
}

function stroke(context, points) {
  context.beginPath();
  points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.stroke();
}

function tonesOf(element) {
  const style = getComputedStyle(element);
  const read = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  return {
    series: read("--st-chart-categorical-colors", "#0B6BB8,#D9570A").split(",").map((tone) => tone.trim()),
    text: read("--st-text-color", "#000"),
    gray: read("--st-gray-text-color", "#555"),
    border: read("--st-border-color", "#ccc"),
    font: read("--st-font", "sans-serif"),
  };
}
