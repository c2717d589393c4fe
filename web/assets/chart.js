// The interactive chart: power or flow from years down to single minutes. Data come
// from the server, never more than about two thousand points for what is seen.
"use strict";

(() => {
  const figure = document.querySelector("[data-series]");
  const canvas = figure.querySelector(".canvas");
  const readout = figure.querySelector(".readout");
  const { series, label, unit, rateUnit } = figure.dataset;
  const zone = figure.dataset.zone || undefined;
  const edition = figure.dataset.edition ? `&edition=${figure.dataset.edition}` : "";
  const first = Number(figure.dataset.first);
  const growing = "growing" in figure.dataset;
  const lang = document.documentElement.lang;
  const locale = lang === "en" ? "en-GB" : lang;
  const number = (value, digits = 0) =>
    value.toLocaleString(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const date = (options) => {
    const format = new Intl.DateTimeFormat(locale, { timeZone: zone, hourCycle: "h23", ...options });
    return (seconds) => format.format(new Date(seconds * 1000));
  };
  const clock = date({ hour: "2-digit", minute: "2-digit" });
  const day = date({ day: "numeric", month: "short" });
  const month = date({ month: "short", year: "2-digit" });
  const year = date({ year: "numeric" });
  const moment = date({ weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });

  const LEAST_S = 10 * 60;
  const SETTLE_MS = 120;

  let end = Number(figure.dataset.to);
  let view = { min: Number(figure.dataset.from), max: end };
  let plot = null;
  let selection = null;
  let asked = 0;
  let timer = null;

  const css = (name) => getComputedStyle(figure).getPropertyValue(name).trim();
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const dark = matchMedia("(prefers-color-scheme: dark)");

  const size = () => ({ width: canvas.clientWidth, height: canvas.clientHeight });

  /** The columns that uPlot wants: time, highest, lowest, mean; the middle of each step. */
  function columns(data) {
    const edges = data.edges ?? null;
    const count = data.mean.length;
    const x = new Array(count);
    for (let i = 0; i < count; i++) {
      x[i] = edges ? (edges[i] + edges[i + 1]) / 2 : data.start + (i + 0.5) * data.step;
    }
    return [x, data.max ?? data.mean, data.min ?? data.mean, data.mean];
  }

  async function fetchSeries(from, to, points) {
    const answer = await fetch(`${series}?from=${Math.floor(from)}&to=${Math.ceil(to)}&points=${points}${edition}`);
    if (!answer.ok) throw new Error(answer.statusText);
    return answer.json();
  }

  /** Asks for a little more than is seen, so that a small move shows no edge. */
  async function load() {
    const mine = ++asked;
    const width = view.max - view.min;
    const [from, to] = [Math.max(first - 3600, view.min - width / 4), Math.min(end, view.max + width / 4)];
    // At least as many as two years have days: the next step is a month.
    const points = Math.min(2000, Math.max(800, Math.round(size().width * 1.2)));
    let data;
    try {
      data = await fetchSeries(from, Math.max(to, from + 60), points);
    } catch {
      return; // The server is away: what is there stays.
    }
    if (mine !== asked) return;
    figure.dataset.step = data.step ?? 86400;
    if (plot) {
      plot.batch(() => { plot.setData(columns(data), false); plot.setScale("x", view); });
    } else {
      build(columns(data));
    }
  }

  function soon() {
    clearTimeout(timer);
    timer = setTimeout(load, SETTLE_MS);
  }

  function show(min, max) {
    const width = Math.min(Math.max(max - min, LEAST_S), Math.max(end - first, LEAST_S) * 1.05);
    const middle = (min + max) / 2;
    min = middle - width / 2;
    const slack = width * 0.02;
    min = Math.min(Math.max(min, first - slack), end + slack - width);
    view = { min, max: min + width };
    plot?.setScale("x", view);
    soon();
  }

  const zoom = (factor, about) => show(about - (about - view.min) * factor, about + (view.max - about) * factor);
  const at = (event) => {
    const box = plot.over.getBoundingClientRect();
    return view.min + ((event.clientX - box.left) / box.width) * (view.max - view.min);
  };

  function ticks(_plot, splits, _axis, _space, step) {
    let before = null;
    return splits.map((split) => {
      if (step >= 360 * 86400) return year(split);
      if (step >= 27 * 86400) return month(split);
      if (step >= 86400) return day(split);
      const today = day(split);
      const changed = before !== null && before !== today;
      before = today;
      return changed ? `${clock(split)}\n${today}` : clock(split);
    });
  }

  /** Stripes where nobody watched. */
  function hatch(u) {
    const { ctx, data, bbox } = u;
    const [x, , , mean] = data;
    const half = x.length > 1 ? (x[1] - x[0]) / 2 : 30;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (let i = 0; i < x.length; i++) {
      // Before the recording began nothing was missed.
      if (mean[i] !== null || x[i] < first) continue;
      let last = i;
      while (last + 1 < x.length && mean[last + 1] === null) last++;
      const left = Math.max(u.valToPos(Math.max(x[i] - half, first), "x", true), bbox.left);
      const right = Math.min(u.valToPos(x[last] + half, "x", true), bbox.left + bbox.width);
      i = last;
      if (right <= left) continue;
      ctx.save();
      ctx.beginPath();
      ctx.rect(left, bbox.top, right - left, bbox.height);
      ctx.clip();
      ctx.strokeStyle = css("--hatch");
      ctx.lineWidth = 2 * devicePixelRatio;
      ctx.beginPath();
      const apart = 8 * devicePixelRatio;
      for (let slant = left - bbox.height; slant < right; slant += apart) {
        ctx.moveTo(slant, bbox.top + bbox.height);
        ctx.lineTo(slant + bbox.height, bbox.top);
      }
      ctx.stroke();
      ctx.restore();
    }
    ctx.restore();
  }

  function say(u) {
    if (selection) return;
    const index = u.cursor.idx;
    const mean = index === null || index === undefined ? null : u.data[3][index];
    if (mean === null || mean === undefined) {
      readout.textContent = "";
      return;
    }
    const [most, least] = [u.data[1][index], u.data[2][index]];
    const range = most > least ? ` (${number(least)}–${number(most)})` : "";
    const step = u.data[0].length > 1 ? u.data[0][1] - u.data[0][0] : 60;
    readout.textContent = `${moment(u.data[0][index] - step / 2)} · ${number(mean)} ${rateUnit}${range} · ${number(mean * step / 3.6e6, 3)} ${unit}`;
  }

  /** The energy between two moments, as the ledger has it. */
  async function measure(from, to) {
    const mine = ++asked;
    try {
      const data = await fetchSeries(Math.round(from / 60) * 60, Math.round(to / 60) * 60, 1);
      if (mine !== asked || !selection) return;
      const quantity = data.kwh ?? data.m3;
      // What nobody watched is not zero, and of the rest the mean is that of the time that was watched.
      const known = (value, decimals) => (quantity === null ? "–" : number(value, decimals));
      readout.textContent = `${moment(from)} – ${moment(to)} · ${known(quantity, 3)} ${unit} · ⌀ ${known(quantity * 3.6e6 / data.watched_s)} ${rateUnit}`;
    } catch {
      readout.textContent = "";
    }
  }

  function options() {
    const grid = { stroke: css("--grid"), width: 1 };
    const axis = { stroke: css("--soft"), grid, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const line = css("--line");
    return {
      ...size(),
      padding: [10, 28, 0, 0],
      legend: { show: false },
      tzDate: (seconds) => (zone ? uPlot.tzDate(new Date(seconds * 1000), zone) : new Date(seconds * 1000)),
      scales: { x: { time: true, min: view.min, max: view.max }, y: { range: (_u, _least, most) => [0, Math.max(most * 1.08, 10)] } },
      series: [
        {},
        { stroke: null, points: { show: false } },
        { stroke: null, points: { show: false } },
        { label, stroke: line, width: 1.6, fill: css("--wash"), points: { show: false } },
      ],
      bands: [{ series: [1, 2], fill: css("--peak") }],
      axes: [
        { ...axis, values: ticks, size: 40, space: 70 },
        { ...axis, values: (_u, splits) => splits.map((rate) => `${number(rate)} ${rateUnit}`), size: 66 },
      ],
      cursor: { drag: { x: false, y: false }, points: { size: 7 }, y: false },
      hooks: { drawClear: [hatch], setCursor: [say] },
    };
  }

  function build(data) {
    plot = new uPlot(options(), data, canvas);
    listen(plot.over);
    figure.dataset.ready = "";
  }

  function rebuild() {
    if (!plot) return;
    const data = plot.data;
    plot.destroy();
    build(data);
  }

  function mark(from, to) {
    selection = { from: Math.min(from, to), to: Math.max(from, to) };
    const left = plot.valToPos(selection.from, "x");
    plot.setSelect({ left, top: 0, width: plot.valToPos(selection.to, "x") - left, height: plot.over.clientHeight }, false);
  }

  function unmark() {
    selection = null;
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  }

  function listen(over) {
    const fingers = new Map();
    let drag = null;

    over.addEventListener("wheel", (event) => {
      const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
      // A page must stay scrollable: sideways pans, and with Ctrl, or two fingers on a touchpad, a wheel zooms.
      if (!sideways && !event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      if (sideways) {
        const shift = (event.deltaX / over.clientWidth) * (view.max - view.min);
        show(view.min + shift, view.max + shift);
      } else {
        zoom(Math.exp(Math.max(-0.5, Math.min(0.5, event.deltaY * 0.002))), at(event));
      }
    }, { passive: false });

    over.addEventListener("pointerdown", (event) => {
      fingers.set(event.pointerId, event.clientX);
      over.setPointerCapture(event.pointerId);
      unmark();
      drag = fingers.size === 1 ? { x: event.clientX, view, from: at(event), measures: event.shiftKey } : null;
      if (fingers.size === 2) drag = pinch(over, fingers);
    });

    over.addEventListener("pointermove", (event) => {
      if (!fingers.has(event.pointerId)) return;
      fingers.set(event.pointerId, event.clientX);
      if (!drag) return;
      const width = drag.view.max - drag.view.min;
      if (drag.fingers) {
        const now = pinch(over, fingers);
        const factor = drag.apart / Math.max(now.apart, 10);
        const about = drag.view.min + (drag.middle / over.clientWidth) * width;
        const min = about - (now.middle / over.clientWidth) * width * factor;
        show(min, min + width * factor);
      } else if (drag.measures) {
        mark(drag.from, at(event));
      } else {
        const shift = ((event.clientX - drag.x) / over.clientWidth) * width;
        show(drag.view.min - shift, drag.view.max - shift);
      }
    });

    const leave = (event) => {
      fingers.delete(event.pointerId);
      if (drag?.measures && selection) measure(selection.from, selection.to);
      drag = null;
    };
    over.addEventListener("pointerup", leave);
    over.addEventListener("pointercancel", leave);
    over.addEventListener("dblclick", () => show(first, end));
  }

  function pinch(over, fingers) {
    const [one, other] = [...fingers.values()];
    const left = over.getBoundingClientRect().left;
    return { fingers: true, view, apart: Math.abs(one - other), middle: (one + other) / 2 - left };
  }

  canvas.addEventListener("keydown", (event) => {
    if (!plot || event.ctrlKey || event.metaKey || event.altKey) return;
    const width = view.max - view.min;
    const middle = (view.min + view.max) / 2;
    const moves = {
      ArrowLeft: () => show(view.min - width / 5, view.max - width / 5),
      ArrowRight: () => show(view.min + width / 5, view.max + width / 5),
      "+": () => zoom(0.6, middle),
      "-": () => zoom(1 / 0.6, middle),
      "−": () => zoom(1 / 0.6, middle),
      Home: () => show(first, first + width),
      End: () => show(end - width, end),
      Escape: () => { unmark(); readout.textContent = ""; },
    };
    if (!moves[event.key]) return;
    event.preventDefault();
    moves[event.key]();
  });

  // A new minute: whoever looks at the end goes on with it.
  document.addEventListener("minute", () => {
    if (!growing) return;
    const now = Math.floor(Date.now() / 60_000) * 60;
    const atEnd = view.max >= end - (view.max - view.min) * 0.03;
    const passed = now - end;
    end = now;
    if (atEnd && passed > 0) view = { min: view.min + passed, max: view.max + passed };
    load();
  });

  new ResizeObserver(() => plot?.setSize(size())).observe(canvas);
  dark.addEventListener("change", rebuild);
  figure.dataset.calm = calm.matches;
  load();
})();
