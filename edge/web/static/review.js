// Keys of the page of review; each does what its button does.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.closest("input, select, textarea, audio")) return;
  if (event.key === " " && !event.target.closest("button, a, summary")) {
    const sound = document.querySelector("audio");
    if (sound) {
      event.preventDefault();
      if (sound.paused) sound.play().catch(() => {}); else sound.pause();
    }
    return;
  }
  const chosen = document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (chosen) {
    event.preventDefault();
    chosen.click();
  }
});
