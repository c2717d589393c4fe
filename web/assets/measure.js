// Measures in the interactive chart: a band with two handles, and what the ledger has in it.
"use strict";

(() => {
  const figure = document.querySelector("[data-series]");
  const chart = figure.chart;
  const canvas = figure.querySelector(".canvas");
  const readout = figure.querySelector(".readout");
  const { rows, unit, rateUnit } = figure.dataset;
  const [words, modes] = [figure.querySelector(".measures").dataset, [...figure.querySelectorAll("[data-mode-of]")]];
  const { number, clock, moment } = chart;

  const HOUR_S = 3600;
  const DAY_S = 86_400;
  // Up to here single minutes are added up, then whole hours, then whole days.
  const MINUTES_UP_TO_S = 6 * HOUR_S;
  const HOURS_UP_TO_S = 31 * DAY_S;

  let band = null;
  let asked = 0;
  // uPlot's own selection ends with each press of a button.
  const shade = document.createElement("div");
  shade.className = "band";
  const handles = ["min", "max"].map((end) => {
    const handle = document.createElement("div");
    handle.className = "handle";
    handle.tabIndex = 0;
    handle.setAttribute("role", "slider");
    handle.setAttribute("aria-label", words[end]);
    handle.dataset.end = end;
    return handle;
  });

  /** The step of the rows that are added up, in seconds and by its name. */
  const stepOf = ({ min, max }) =>
    max - min <= MINUTES_UP_TO_S ? [60, "minute"] : max - min <= HOURS_UP_TO_S ? [HOUR_S, "hour"] : [DAY_S, "day"];

  function draw() {
    const plot = chart.plot();
    if (!plot) return;
    if (!band) {
      [shade, ...handles].forEach((it) => it.remove());
      return;
    }
    const width = plot.over.clientWidth;
    const place = (at) => Math.min(width, Math.max(0, plot.valToPos(at, "x")));
    const [left, right] = [place(band.min), place(band.max)];
    if (shade.parentElement !== plot.over) plot.over.append(shade);
    shade.style.left = `${left}px`;
    shade.style.width = `${right - left}px`;
    handles.forEach((handle, index) => {
      const at = index ? band.max : band.min;
      if (handle.parentElement !== plot.over) plot.over.append(handle);
      handle.style.left = `${index ? right : left}px`;
      handle.setAttribute("aria-valuemin", Math.round(index ? band.min : chart.view().min));
      handle.setAttribute("aria-valuemax", Math.round(index ? chart.view().max : band.max));
      handle.setAttribute("aria-valuenow", Math.round(at));
      handle.setAttribute("aria-valuetext", moment(at));
    });
  }

  /** The band between two moments, in whole steps. */
  function mark(one, other) {
    const rough = { min: Math.min(one, other), max: Math.min(Math.max(one, other), chart.end()) };
    const step = Math.min(stepOf(rough)[0], HOUR_S);
    const min = Math.floor(rough.min / step) * step;
    band = { min, max: Math.max(Math.ceil(rough.max / step) * step, min + step) };
    figure.dataset.measured = "";
    draw();
  }

  /** Adds up what the ledger has in the band. */
  async function settle(isStep = true) {
    if (!band) return;
    const mine = ++asked;
    chart.tell(isStep);
    const [, name] = stepOf(band);
    const iso = (seconds) => new Date(seconds * 1000).toISOString();
    try {
      const answer = await fetch(`${rows}?from=${iso(band.min)}&to=${iso(band.max)}&step=${name}`);
      if (!answer.ok) throw new Error(answer.statusText);
      const found = await answer.json();
      if (mine === asked && band) say(found, name);
    } catch {
      if (mine === asked) readout.textContent = words.failed;
    }
  }

  function say({ rows: found, currency }, name) {
    if (name === "day" && found.length) {
      const last = Date.parse(found.at(-1).start) / 1000;
      // A day may have 23 or 25 hours.
      const ends = [24, 23, 25].map((hours) => last + hours * HOUR_S);
      const min = Date.parse(found[0].start) / 1000;
      band = { min, max: ends.find((at) => clock(at) === "00:00") ?? ends[0] };
      draw();
    }
    const known = found.filter((row) => row.watched_s > 0);
    const sum = (of) => known.reduce((total, row) => total + (of(row) ?? 0), 0);
    const quantity = sum((row) => row.kwh ?? row.m3);
    const watched = sum((row) => row.watched_s);
    const rate = (row) => row.mean_w ?? row.mean_l_h ?? 0;
    const ended = Math.min(band.max, chart.end());
    const parts = [`${moment(band.min)} – ${moment(ended)}`];
    if (!known.length) {
      readout.textContent = [...parts, words.nothing].join(" · ");
      return;
    }
    parts.push(`${number(quantity, 3)} ${unit}`);
    const priced = known.filter((row) => row.cost !== null && row.cost !== undefined);
    // What is paid for by the month is not for this time alone.
    const cost = priced.reduce((total, row) => total + row.cost - (row.fee ?? 0) - (row.capacity ?? 0), 0);
    if (currency && priced.length) parts.push(`${number(cost, 2)} ${currency}`);
    parts.push(`⌀ ${number((quantity * 3.6e6) / watched)} ${rateUnit}`);
    const most = known.reduce((one, other) => (rate(other) > rate(one) ? other : one));
    parts.push(`${words[name]} ${number(rate(most))} ${rateUnit} (${moment(Date.parse(most.start) / 1000)})`);
    const share = watched / (ended - band.min);
    if (share < 0.995 && name !== "day") parts.push(`${number(Math.floor(share * 100))} % ${words.watched}`);
    readout.textContent = parts.join(" · ");
  }

  function clear() {
    band = null;
    asked++;
    delete figure.dataset.measured;
    draw();
    chart.seen();
  }

  function setMode(mode) {
    figure.dataset.mode = mode;
    for (const button of modes) button.setAttribute("aria-pressed", button.dataset.modeOf === mode);
    if (mode === "measure" && !band) {
      const { min, max } = chart.view();
      const last = Math.min(max, chart.end());
      mark(min + (last - min) / 3, min + ((last - min) * 2) / 3);
      settle();
    }
    if (mode === "move" && band) {
      clear();
      chart.tell(true);
    }
  }

  function move(handle, to) {
    const { min, max } = band;
    if (handle.dataset.end === "min") mark(Math.min(to, max - 60), max);
    else mark(min, Math.max(to, min + 60));
  }

  for (const handle of handles) {
    handle.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      event.stopPropagation();
      handle.focus();
      handle.setPointerCapture(event.pointerId);
    });
    handle.addEventListener("pointermove", (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const box = chart.plot().over.getBoundingClientRect();
      const { min, max } = chart.view();
      move(handle, min + ((event.clientX - box.left) / box.width) * (max - min));
    });
    handle.addEventListener("pointerup", () => settle());
    handle.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 }[event.key];
      if (event.key === "Escape") return setMode("move");
      if (!by) return;
      event.preventDefault();
      const step = Math.min(stepOf(band)[0], HOUR_S);
      move(handle, (handle.dataset.end === "min" ? band.min : band.max) + by * step);
      settle();
    });
  }
  for (const button of modes) button.addEventListener("click", () => setMode(button.dataset.modeOf));

  Object.assign(chart, {
    measured: () => band,
    mark: (one, other) => { mark(one, other); },
    settle: () => { figure.dataset.mode = "measure"; setMode("measure"); settle(); },
    turn: () => setMode(figure.dataset.mode === "measure" ? "move" : "measure"),
    moved: draw,
    built: draw,
    measure(wanted) {
      if (!wanted) {
        if (band) clear();
        figure.dataset.mode = "move";
        for (const button of modes) button.setAttribute("aria-pressed", button.dataset.modeOf === "move");
        return;
      }
      band = { ...wanted };
      figure.dataset.measured = "";
      setMode("measure");
      draw();
      settle(false);
    },
  });
  const parts = new URLSearchParams(location.hash.slice(1));
  const [min, max] = (parts.get("measure") ?? "").split("/").map((at) => Date.parse(at) / 1000);
  if (min < max) chart.measure({ min, max });
  else setMode("move");
})();
