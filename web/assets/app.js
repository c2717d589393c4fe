// Moves the values of now, renews what the server draws once a minute, and
// loads the interactive chart when it comes into sight. Without it the page
// reloads itself instead.
"use strict";

// As in texts: the English of these pages writes dates as the British do.
const language = document.documentElement.lang;
const locale = language === "en" ? "en-GB" : language;
const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const ago = new Intl.RelativeTimeFormat(locale, { style: "short" });

// As in live.rs: publishers send a value a second.
const STALE_AFTER_S = 90;
const TRY_AGAIN_MS = 10_000;
// This much a clock may be off before anybody minds.
const CLOCK_OFF_MS = 3_000;

/** How far the server's clock is ahead of the browser's: ages are measured by the server's. */
let aheadMs = 0;

/** Since when this page has no server, if it has none. */
let away = null;

/** Says that the server is away, and since when what is seen here is not of now; or that it is back. */
function setAway(isAway) {
  if (isAway === (away !== null)) return;
  away = isAway ? new Date(Date.now() + aheadMs) : null;
  const strip = document.getElementById("away");
  if (!strip) return;
  strip.hidden = !isAway;
  if (isAway) strip.querySelector("time").textContent = away.toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit" });
  document.dispatchEvent(new Event("away"));
}

function setClock(answer) {
  const ahead = Date.parse(answer.headers.get("date")) - Date.now();
  if (!Number.isNaN(ahead)) aheadMs = Math.abs(ahead) > CLOCK_OFF_MS ? ahead : 0;
}

/** Shows one meter's value of now. */
class Now {
  constructor(element) {
    this.element = element;
    this.now = element.querySelector(".now");
    this.at = Date.parse(this.find("[data-age]").dateTime) || null;
    this.online = this.now.dataset.freshness !== "offline";
    this.power = null;
    this.showAge();
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  show({ now, online }) {
    const before = this.online;
    this.online = online !== false;
    if (before !== this.online) renew();
    if (now) {
      const counted = this.total !== undefined && now.total > this.total;
      this.total = now.total;
      this.at = Date.parse(now.t);
      this.power = now.power_w ?? null;
      const rate = now.flow_l_h ?? this.power;
      this.find("[data-age]").dateTime = now.t;
      this.find("[data-power]").textContent = rate === null ? "–" : whole.format(rate);
      if (counted) this.beat();
    }
    this.showAge();
  }

  get fresh() {
    return this.now.dataset.freshness === "live";
  }

  showAge() {
    const seconds = this.at === null ? null : Math.max(0, Math.round((Date.now() + aheadMs - this.at) / 1000));
    const freshness = away ? "stale" : !this.online ? "offline" : seconds === null ? "unknown" : seconds > STALE_AFTER_S ? "stale" : "live";
    this.now.dataset.freshness = freshness;
    if (seconds !== null) this.find("[data-age]").textContent = age(seconds);
  }

  // The dot beats when the meter has counted.
  beat() {
    this.now.classList.remove("beat");
    void this.now.offsetWidth;
    this.now.classList.add("beat");
  }
}

function age(seconds) {
  if (seconds < 60) return ago.format(-seconds, "second");
  if (seconds < 3600) return ago.format(-Math.floor(seconds / 60), "minute");
  if (seconds < 86400) return ago.format(-Math.floor(seconds / 3600), "hour");
  return ago.format(-Math.floor(seconds / 86400), "day");
}

/** Adds the values of a site's meters up that are no others' part, and are used. */
function showSums(meters) {
  for (const site of document.querySelectorAll("[data-site]")) {
    const field = site.querySelector("[data-sum]");
    const shown = [...meters.values()].filter((it) => site.contains(it.element) && "counts" in it.element.dataset && it.fresh && it.power !== null);
    if (field && shown.length) field.textContent = whole.format(shown.reduce((sum, it) => sum + it.power, 0));
  }
}

/** What stands in the tab. */
let title = document.title;

/** Puts the power or flow of now before it: on the page of a meter, and where the page says of which figure. */
function showTitle() {
  const field = document.querySelector("[data-live][data-meter] [data-power], [data-titled] [data-flow]");
  const isNow = field && !away && /\d/.test(field.textContent) && (field.closest("[data-freshness]")?.dataset.freshness ?? "live") === "live";
  const unit = field?.parentElement.querySelector("[data-unit]")?.textContent;
  const now = isNow ? `${field.textContent} ${unit} · ${title}` : title;
  if (document.title !== now) document.title = now;
}

/** What each meter said last, also those that have no place of their own on the page. */
const said = new Map();

/** What flows now through meters less others, where all of them say it of now: else nobody knows. */
function showFlows() {
  const rateOf = (name) => {
    const { now, online } = said.get(name) ?? {};
    const isFresh = now && online !== false && !away && Date.now() + aheadMs - Date.parse(now.t) < STALE_AFTER_S * 1000;
    return isFresh ? (now.flow_l_h ?? now.power_w ?? null) : null;
  };
  for (const field of document.querySelectorAll("[data-flow]")) {
    const parts = field.dataset.flow.split(" ").map((part) => (part.startsWith("!") ? [-1, part.slice(1)] : [1, part]));
    const rates = parts.map(([sign, name]) => [sign, rateOf(name)]);
    const isKnown = rates.every(([, rate]) => rate !== null);
    // Values of different seconds do not fit quite.
    field.textContent = isKnown ? whole.format(Math.max(0, rates.reduce((sum, [sign, rate]) => sum + sign * rate, 0))) : "–";
  }
}

/** Listens while somebody looks, and begins anew whenever the server was away. */
function listen(address, meters) {
  let events = null;
  const end = () => { events?.close(); events = null; };
  const begin = () => {
    if (events || document.hidden) return;
    events = new EventSource(address);
    events.addEventListener("open", () => {
      if (away) renew();
      setAway(false);
    });
    events.addEventListener("live", (event) => {
      const value = JSON.parse(event.data);
      meters.get(value.meter)?.show(value);
      said.set(value.meter, value);
      showSums(meters);
      showFlows();
      showTitle();
    });
    events.addEventListener("minute", renew);
    events.addEventListener("error", () => {
      setAway(true);
      // The browser connects again by itself, unless it was refused.
      if (events?.readyState !== EventSource.CLOSED) return;
      end();
      setTimeout(() => { begin(); renew(); }, TRY_AGAIN_MS);
    });
  };
  // A browser has six connections to a server for all its tabs, and keeps pages that were left:
  // their streams would soon take all six.
  document.addEventListener("visibilitychange", () => (document.hidden ? end() : begin()));
  addEventListener("pagehide", end);
  addEventListener("pageshow", begin);
  begin();
}

/** Which meters a page shows. */
function metersOf(page) {
  return [...page.querySelectorAll("[data-meter]")].map((element) => element.dataset.meter).join(" ");
}

/** Takes the parts of this page that the server draws from a new copy of it. */
async function renew() {
  if (document.hidden) return;
  let page;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    setClock(answer);
    if (!answer.ok) return;
    page = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    setAway(true);
    return; // What is there stays.
  }
  setAway(false);
  // A meter has come, or was taken out: nothing stays where it was.
  if (metersOf(page) !== metersOf(document)) {
    location.reload();
    return;
  }
  for (const part of document.querySelectorAll("[data-part]")) {
    const renewed = page.getElementById(part.id);
    // Nothing moves under somebody's fingers.
    if (!renewed || part.contains(document.activeElement)) continue;
    // Nor does a selection go for nothing.
    if (part.innerHTML === renewed.innerHTML) continue;
    const open = [...part.querySelectorAll("details")].map((it) => it.open);
    part.replaceChildren(...renewed.childNodes);
    [...part.querySelectorAll("details")].forEach((it, index) => { if (open[index] !== undefined) it.open = open[index]; });
  }
  navigator.serviceWorker?.controller?.postMessage("renewed");
  title = page.title;
  document.dispatchEvent(new CustomEvent("minute", { detail: page }));
}

/** A page on a wall: after an outage, or a new version, it loads itself anew. */
function watchOver(health) {
  let away = false;
  const look = async () => {
    try {
      const there = (await fetch(health)).ok;
      if (there && away) location.reload();
      away = !there;
    } catch {
      away = true;
    }
  };
  setInterval(look, TRY_AGAIN_MS);
  setTimeout(() => location.reload(), 6 * 3_600_000);
}

/** The time of day and the date on a wall, by the server's clock. */
function showClock(clock) {
  const zone = { timeZone: clock.dataset.zone || undefined };
  const time = new Intl.DateTimeFormat(locale, { ...zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const date = new Intl.DateTimeFormat(locale, { ...zone, weekday: "long", day: "numeric", month: "long", year: "numeric" });
  const show = () => {
    const now = new Date(Date.now() + aheadMs);
    clock.textContent = time.format(now);
    document.querySelector("[data-date]").textContent = date.format(now);
  };
  setInterval(show, 1000);
}

/** Where not all meters of a wall are in view at once, one part of them after the other. */
function takeTurns(wall) {
  const sections = [...wall.querySelectorAll("section")];
  const [atOnce, seconds] = [Number(wall.dataset.atOnce), Number(wall.dataset.turn)];
  let first = 0;
  const show = () => sections.forEach((it, index) => { it.hidden = index < first || index >= first + atOnce; });
  show();
  setInterval(() => {
    first = first + atOnce < sections.length ? first + atOnce : 0;
    show();
  }, seconds * 1000);
}

/** A picture as a file. */
async function pictureOf(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(answer.statusText);
  return new File([await answer.blob()], "powerpi.png", { type: "image/png" });
}

/** Puts a text, and a picture where there is one, where it can be pasted from. */
async function copy(text, picture) {
  try {
    const item = { "text/plain": new Blob([text], { type: "text/plain" }) };
    if (picture) item["image/png"] = pictureOf(picture);
    await navigator.clipboard.write([new ClipboardItem(item)]);
  } catch {
    // Without encryption browsers have no clipboard for scripts, and some take no pictures.
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    const before = document.activeElement;
    field.focus({ preventScroll: true });
    field.select();
    const isCopied = document.execCommand("copy");
    field.remove();
    before?.focus({ preventScroll: true });
    if (!isCopied) throw new Error("not copied");
  }
}

/** Hands the sentence of a button, its picture and the address to whom the device offers, or to be pasted. */
async function share(button) {
  const { share: text, picture, done, failed } = button.dataset;
  const url = location.href;
  const say = (words) => {
    const said = button.parentElement.querySelector("[role=status]");
    said.textContent = words;
    setTimeout(() => { said.textContent = ""; }, 4000);
  };
  try {
    if (!navigator.share) {
      await copy(`${text}\n${url}`, picture);
      say(done);
      return;
    }
    const files = picture ? await pictureOf(picture).then((it) => [it], () => []) : [];
    const all = { text, url, files };
    await navigator.share(files.length && navigator.canShare?.(all) ? all : { text, url });
  } catch (error) {
    // Who changes their mind has not failed.
    if (error.name !== "AbortError") say(failed);
  }
}

function loadScript(address) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = resolve;
    script.onerror = reject;
    document.head.append(script);
  });
}

for (const source of document.querySelectorAll("[data-live]")) {
  const elements = [source, ...source.querySelectorAll("[data-meter]")].filter((it) => it.dataset.meter && it.querySelector(".now"));
  const meters = new Map(elements.map((element) => [element.dataset.meter, new Now(element)]));
  listen(source.dataset.live, meters);
  setInterval(() => {
    for (const meter of meters.values()) meter.showAge();
    if (said.size) showFlows();
    showTitle();
  }, 1000);
  // What was drawn anew has what the server knew.
  document.addEventListener("minute", () => { if (said.size) showFlows(); });
  if (source.dataset.unattended) watchOver(source.dataset.unattended);
  if (source.dataset.turn) takeTurns(source);
}
for (const waiting of document.querySelectorAll("[data-renew]")) setInterval(renew, Number(waiting.dataset.renew) * 1000);
const clock = document.querySelector("[data-clock]");
if (clock) showClock(clock);
document.addEventListener("visibilitychange", renew);
// What this script came with is kept by browsers, and says nothing of now.
fetch(document.currentScript.src, { method: "HEAD", cache: "no-store" }).then(setClock, () => {});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-share]");
  if (button) share(button);
});

// Answers while the server cannot be reached. Browsers have it with encryption only.
navigator.serviceWorker?.register(new URL("worker.js", document.querySelector("link[rel=manifest]").href)).catch(() => {});

const plot = document.querySelector("[data-series]");
if (plot) {
  const sight = new IntersectionObserver(async (seen) => {
    if (!seen.some((it) => it.isIntersecting)) return;
    sight.disconnect();
    await loadScript(plot.dataset.uplot);
    await loadScript(plot.dataset.script);
    await loadScript(plot.dataset.measure);
  }, { rootMargin: "200px" });
  sight.observe(plot);
  // A link to what somebody saw there leads there.
  if (location.hash.startsWith("#view=")) plot.scrollIntoView({ block: "center" });
}
