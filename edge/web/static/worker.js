// Keeps the shell for when the station can't be reached: style, scripts, and a page that says so.
const SHELL = "birdlisten-2";
const OFFLINE = "offline";
const FILES = [OFFLINE, "static/page.css", "static/page.js", "static/theme.js", "static/offline.js",
  "static/icons.svg", "static/icon.svg"];
const below = (request) => request.url.slice(self.registration.scope.length).split(/[?#]/)[0];

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
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(self.registration.scope)) return;
  if (FILES.includes(below(request))) event.respondWith(fresh(request));
  else if (request.mode === "navigate") event.respondWith(fetch(request).catch(() => away(request)));
});

/** From the station while it can be reached; else as it was seen last. */
async function fresh(request) {
  const shell = await caches.open(SHELL);
  try {
    const answer = await fetch(request);
    if (answer.ok && !answer.redirected) await shell.put(below(request), answer.clone());
    return answer;
  } catch {
    return (await shell.match(below(request))) || Response.error();
  }
}

/** To the page that says that the station is not there, and comes back to what was asked for. */
function away(request) {
  const asked = request.url.slice(self.registration.scope.length);
  return Response.redirect(`${self.registration.scope}${OFFLINE}#${encodeURIComponent(asked)}`);
}
