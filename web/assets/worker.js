// While the server cannot be reached, this shows a page that says so, and since when. It keeps nothing else. Before it
// stand LANGUAGES, and STYLE: the address of the style sheet.
"use strict";

const PLACE = "offline";
const own = (address) => new URL(address, registration.scope).href;
const KEPT = [own(STYLE), ...LANGUAGES.map((language) => own(`offline?lang=${language}`))];
/** Under this address stands when the server was heard last. */
const HEARD = own("offline/heard");

addEventListener("install", (event) => {
  const take = async () => {
    const cache = await caches.open(PLACE);
    await cache.addAll(KEPT.map((address) => new Request(address, { cache: "reload" })));
    const former = (await cache.keys()).filter(({ url }) => url !== HEARD && !KEPT.includes(url));
    await Promise.all(former.map((it) => cache.delete(it)));
    await skipWaiting();
  };
  event.waitUntil(take());
});

addEventListener("activate", (event) => event.waitUntil(clients.claim()));

async function hear() {
  const cache = await caches.open(PLACE);
  await cache.put(HEARD, new Response(String(Date.now())));
}

// A page that stays open says that it was renewed.
addEventListener("message", (event) => event.waitUntil(hear()));

/** The page that says so; none if it was never kept. */
async function offline(address) {
  const cache = await caches.open(PLACE);
  const asked = new URL(address).searchParams.get("lang") ?? navigator.language.slice(0, 2);
  const language = LANGUAGES.includes(asked) ? asked : LANGUAGES[0];
  const [page, heard] = await Promise.all([cache.match(own(`offline?lang=${language}`)), cache.match(HEARD)]);
  if (!page) return Response.error();
  const since = heard && new Date(Number(await heard.text()));
  const said = since?.toLocaleString(language === "en" ? "en-GB" : language, { dateStyle: "medium", timeStyle: "short" });
  const text = (await page.text()).replace("<time></time>", said ? `<time datetime="${since.toISOString()}">${said}</time>` : "–");
  const headers = Object.fromEntries(["content-type", "content-security-policy"].map((name) => [name, page.headers.get(name)]));
  return new Response(text, { status: 503, headers });
}

addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.mode === "navigate" && request.method === "GET") {
    const there = (answer) => {
      event.waitUntil(hear());
      return answer;
    };
    event.respondWith(fetch(request).then(there, () => offline(request.url)));
  } else if (request.url === KEPT[0]) {
    event.respondWith(fetch(request).catch(() => caches.match(request)));
  }
});
