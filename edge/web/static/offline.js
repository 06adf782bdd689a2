// Asks for the station again and again, and goes back to what was asked for once it is there.
import { root } from "./page.js";

const here = new URL(root, location.href).href;

export async function back() {
  // Any answer means that it is there, also one that asks for a token again.
  try { await fetch(root + "health", { cache: "no-store" }); } catch { return; }
  let wanted = here;
  try { wanted = new URL(decodeURIComponent(location.hash.slice(1)), here).href; } catch { /* the first page */ }
  location.replace(wanted.startsWith(here) ? wanted : here);
}

setInterval(back, 3000);
addEventListener("online", back);
document.getElementById("again").addEventListener("click", back);
