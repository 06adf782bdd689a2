// What every page does: theme, health line, offline shell. All of it works without, too.
const html = document.documentElement;
export const root = html.dataset.root;

/** The text of an address below the root; null while it can't be reached. */
export async function fetched(address) {
  try {
    const answer = await fetch(root + address, { headers: { Accept: "text/html" } });
    return answer.ok && !answer.redirected ? await answer.text() : null;
  } catch {
    return null;
  }
}

/** Calls `work` at once and again after some seconds each, while somebody looks. */
export function whileSeen(seconds, work) {
  const tick = () => document.visibilityState === "visible" && work();
  setInterval(tick, seconds * 1000);
  document.addEventListener("visibilitychange", tick);
}

const button = document.getElementById("theme");
const isDark = () => html.dataset.theme
  ? html.dataset.theme === "dark"
  : matchMedia("(prefers-color-scheme: dark)").matches;
button.hidden = false;
button.setAttribute("aria-pressed", String(isDark()));
button.addEventListener("click", () => {
  html.dataset.theme = isDark() ? "light" : "dark";
  button.setAttribute("aria-pressed", String(isDark()));
  try { localStorage.setItem("theme", html.dataset.theme); } catch { /* storage is off */ }
});

const health = document.getElementById("health");
whileSeen(10, async () => {
  const text = await fetched("health");
  if (text === null) {
    health.innerHTML = '<p class="pulse bad"><b>Not connected: this page can\'t reach the station</b></p>';
  } else if (text.trim() !== health.innerHTML.trim()) {
    health.innerHTML = text;
  }
});

if ("serviceWorker" in navigator && window.isSecureContext) {
  navigator.serviceWorker.register(root + "worker.js").catch(() => {});
}
