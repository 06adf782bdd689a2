// The first page, kept up to date: events of new records, and the spectrogram of the last seconds.
import { fetched, root, whileSeen } from "./page.js";

const now = document.getElementById("now");
const day = now.dataset.day;

let waiting = false;
async function refresh() {
  if (waiting || now.contains(document.activeElement)) return;
  waiting = true;
  const text = await fetched(`now${day ? `?day=${day}` : ""}`);
  if (text !== null && !now.contains(document.activeElement)) now.innerHTML = text;
  waiting = false;
}

if (!day) {
  whileSeen(15, refresh);
  const events = new EventSource(root + "api/v2/detections/stream");
  for (const kind of ["detection", "pending"]) events.addEventListener(kind, refresh);
  addEventListener("pagehide", () => events.close());
}

const canvas = document.getElementById("spectrogram");
if (canvas) {
  const pen = canvas.getContext("2d", { alpha: false });
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const palette = Array.from({ length: 256 }, (_, level) => colour(level / 255));
  let next = 0;

  function colour(share) {
    const knots = [[0, 0, 4], [59, 15, 112], [140, 41, 129], [222, 73, 104], [254, 159, 109], [252, 253, 191]];
    const place = share * (knots.length - 1);
    const low = Math.min(Math.floor(place), knots.length - 2);
    return knots[low].map((part, n) => part + (knots[low + 1][n] - part) * (place - low));
  }

  function draw(told) {
    const levels = Uint8Array.from(atob(told.columns), (letter) => letter.charCodeAt(0));
    const bands = told.bands, count = levels.length / bands;
    if (!count) return;
    if (canvas.height !== bands) canvas.height = bands;
    const shown = Math.min(count, canvas.width);
    pen.drawImage(canvas, -shown, 0);
    const picture = pen.createImageData(shown, bands);
    for (let column = 0; column < shown; column++) {
      for (let band = 0; band < bands; band++) {
        const level = levels[(count - shown + column) * bands + band];
        const at = 4 * ((bands - 1 - band) * shown + column);
        picture.data.set(palette[level], at);
        picture.data[at + 3] = 255;
      }
    }
    pen.putImageData(picture, canvas.width - shown, 0);
    label(told);
  }

  function label(told) {
    const list = document.getElementById("pitches");
    if (list.childElementCount) return;
    for (const { band, khz } of told.ticks) {
      const item = document.createElement("li");
      item.textContent = `${khz} kHz`;
      item.style.bottom = `${(100 * (band + 0.5)) / told.bands}%`;
      list.append(item);
    }
  }

  whileSeen(calm ? 5 : 0.5, async () => {
    try {
      const answer = await fetch(`${root}columns?after=${next}`);
      if (!answer.ok) return;
      const told = await answer.json();
      if (told.columns) draw(told);
      next = told.next;
    } catch { /* the next look finds it */ }
  });
}
