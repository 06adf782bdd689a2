// Keeps the shell offline: style, scripts, and the first page as it was seen last.
const SHELL = "birdlisten-1";
const FILES = ["static/page.css", "static/page.js", "static/theme.js", "static/live.js",
  "static/review.js", "static/icons.svg", "static/icon.svg"];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(SHELL).then((shell) => shell.addAll(FILES)));
  self.skipWaiting();
});

self.addEventListener("activate", (event) => {
  const others = caches.keys().then((names) =>
    Promise.all(names.filter((name) => name !== SHELL).map((name) => caches.delete(name))));
  event.waitUntil(others.then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const below = event.request.url.slice(self.registration.scope.length);
  if (event.request.method !== "GET" || !event.request.url.startsWith(self.registration.scope)) return;
  if (below === "" || FILES.includes(below)) event.respondWith(fresh(event.request));
});

/** From the station while it can be reached; else as it was seen last. */
async function fresh(request) {
  const shell = await caches.open(SHELL);
  try {
    const answer = await fetch(request);
    if (answer.ok && !answer.redirected) shell.put(request, answer.clone());
    return answer;
  } catch {
    return (await shell.match(request)) || new Response(
      "<!doctype html><html lang=en><title>birdlisten</title><p>The station can't be reached.",
      { status: 503, headers: { "Content-Type": "text/html" } });
  }
}
