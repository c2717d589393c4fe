// Moves the value of now, and renews figures and pictures once a minute.
// Without it the page reloads itself instead.
"use strict";

// As in texts.rs: the English of this page writes dates as the British do.
const language = document.documentElement.lang;
const locale = language === "en" ? "en-GB" : language;
const watts = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const kwh = new Intl.NumberFormat(locale, { minimumFractionDigits: 3, maximumFractionDigits: 3 });
const percent = new Intl.NumberFormat(locale, { maximumFractionDigits: 0, signDisplay: "always" });
const ago = new Intl.RelativeTimeFormat(locale, { style: "short" });

// As in live.rs: publishers send a value a second.
const STALE_AFTER_S = 90;

/** Shows one meter's events in an element that holds its figures. */
class Meter {
  constructor(element) {
    this.element = element;
    this.now = element.querySelector(".now");
    this.at = Date.parse(this.find("[data-age]").dateTime) || null;
    this.online = this.now.dataset.freshness !== "offline";
    const events = new EventSource(element.dataset.live);
    events.addEventListener("live", (event) => this.showNow(JSON.parse(event.data)));
    events.addEventListener("state", (event) => this.showState(JSON.parse(event.data)));
    setInterval(() => this.showAge(), 1000);
    this.showAge();
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  showNow({ now, online }) {
    this.online = online !== false;
    if (now) {
      const counted = this.total !== undefined && now.total > this.total;
      this.total = now.total;
      this.at = Date.parse(now.t);
      this.find("[data-age]").dateTime = now.t;
      this.find("[data-power]").textContent = now.power_w === null ? "–" : watts.format(now.power_w);
      if (counted) this.beat();
    }
    this.showAge();
  }

  showState(state) {
    this.showNow(state);
    for (const field of this.element.querySelectorAll("[data-kwh]")) {
      const energy = state[field.dataset.kwh];
      if (energy) field.textContent = kwh.format(energy.kwh);
    }
    this.showDifference(state.difference_percent);
    showRecorded(state.last_minute, state.time_zone ?? undefined);
  }

  showDifference(change) {
    const line = this.find("[data-difference]");
    if (!line) return;
    line.hidden = change === null;
    const field = line.querySelector("[data-percent]");
    field.textContent = `${percent.format(change)} %`;
    field.className = change >= 0.5 ? "more" : change <= -0.5 ? "less" : "same";
  }

  showAge() {
    const seconds = this.at === null ? null : Math.max(0, Math.round((Date.now() - this.at) / 1000));
    const freshness = !this.online ? "offline" : seconds === null ? "unknown" : seconds > STALE_AFTER_S ? "stale" : "live";
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

/** Says up to when minutes are recorded, in the site's time. */
function showRecorded(minute, timeZone) {
  const field = document.querySelector("[data-recorded]");
  if (!field || !minute) return;
  const end = new Date(Date.parse(minute.start) + 60_000);
  field.dateTime = end.toISOString();
  field.textContent = end.toLocaleString(locale, { dateStyle: "medium", timeStyle: "short", timeZone });
}

/** Loads the picture of the new minute first and shows it then, so that nothing flickers. */
async function renewPicture(figure, minute) {
  const img = figure.querySelector("img");
  const renewed = (address) => address.replace(/at=\d+/, `at=${minute}`);
  const ahead = new Image();
  ahead.src = renewed(img.currentSrc || img.src);
  try {
    await ahead.decode();
  } catch {
    return; // The server is away: the old picture stays.
  }
  for (const source of figure.querySelectorAll("source")) source.srcset = renewed(source.srcset);
  img.src = renewed(img.src);
}

function renewPictures() {
  if (document.hidden) return;
  const minute = Math.floor(Date.now() / 60_000);
  for (const figure of document.querySelectorAll(".graph")) renewPicture(figure, minute);
}

/** Calls back ten seconds into each minute, when the last one is surely drawn. */
function eachMinute(callback) {
  const wait = 60_000 - ((Date.now() - 10_000) % 60_000);
  setTimeout(() => { callback(); eachMinute(callback); }, wait);
}

for (const element of document.querySelectorAll("[data-live]")) new Meter(element);
eachMinute(renewPictures);
document.addEventListener("visibilitychange", renewPictures);
