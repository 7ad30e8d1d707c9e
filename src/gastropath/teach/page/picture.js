// A PNG of what is seen, with a legend, a scale bar and what has to be said beside it.

const WIDE = 300, PAD = 16, LINE = 22, BOX = 13;
const INK = "#1c2127", PAPER = "#ffffff", QUIET = "#59636e";

// `canvas` holds what is seen, `ratio` its pixels to one of the screen.
export function framed({ canvas, ratio, lines, notes, bar, title }) {
  const page = document.createElement("canvas");
  const [width, height] = [canvas.width / ratio, canvas.height / ratio];
  const pen = page.getContext("2d");
  pen.font = "13px sans-serif";
  const wrapped = notes.flatMap((note) => broken(pen, note, WIDE - 2 * PAD));
  const high = Math.max(height, PAD * 2 + LINE * (lines.length + 4) + 17 * wrapped.length);
  page.width = (width + WIDE) * ratio;
  page.height = high * ratio;
  pen.scale(ratio, ratio);
  pen.fillStyle = PAPER;
  pen.fillRect(0, 0, width + WIDE, high);
  pen.drawImage(canvas, 0, 0, width, height);
  let y = PAD + BOX;
  const left = width + PAD, right = width + WIDE - PAD;
  pen.fillStyle = INK;
  pen.font = "bold 14px sans-serif";
  pen.fillText(title, left, y, WIDE - 2 * PAD);
  pen.font = "13px sans-serif";
  for (const { color, text, figure } of lines) {
    y += LINE;
    pen.fillStyle = color;
    pen.fillRect(left, y - BOX + 2, BOX, BOX);
    pen.strokeStyle = "#808080";
    pen.strokeRect(left + 0.5, y - BOX + 2.5, BOX - 1, BOX - 1);
    pen.fillStyle = INK;
    pen.textAlign = "left";
    pen.fillText(text, left + BOX + 8, y, WIDE - 2 * PAD - BOX - 80);
    pen.textAlign = "right";
    pen.fillText(figure, right, y);
    pen.textAlign = "left";
  }
  y += 2 * LINE;
  pen.fillStyle = INK;
  pen.fillRect(left, y - 6, bar.px, 5);
  pen.fillText(bar.text, left, y + 14);
  y += 2 * LINE;
  pen.fillStyle = QUIET;
  for (const line of wrapped) {
    pen.fillText(line, left, y);
    y += 17;
  }
  return page;
}

export function save(page, name) {
  page.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }, "image/png");
}

function broken(pen, text, width) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines[lines.length - 1]} ${word}`.trim();
    if (pen.measureText(longer).width <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return [...lines, ""];
}
