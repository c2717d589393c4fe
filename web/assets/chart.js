// The interactive chart: power or flow from years down to single minutes. Data come
// from the server, never more than about two thousand points for what is seen. What is
// measured in it is in measure.js; both are in the address, so that a link, the Back
// button and a reload keep them.
"use strict";

(() => {
  const figure = document.querySelector("[data-series]");
  const canvas = figure.querySelector(".canvas");
  const readout = figure.querySelector(".readout");
  const { series, label, unit, rateUnit } = figure.dataset;
  const zone = figure.dataset.zone || undefined;
  const first = Number(figure.dataset.first);
  const lang = document.documentElement.lang;
  const locale = lang === "en" ? "en-GB" : lang;
  const shift = Number(figure.dataset.ghost) || 0;
  const number = (value, digits = 0) =>
    value.toLocaleString(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const months = figure.dataset.months.split(" ");
  const monthOf = new Intl.DateTimeFormat("en", { timeZone: zone, month: "numeric" });
  const date = (options) => {
    const format = new Intl.DateTimeFormat(locale, { timeZone: zone, hourCycle: "h23", ...options });
    // One spelling everywhere: that of the pages' words.
    return (seconds) => {
      const at = new Date(seconds * 1000);
      const parts = format.formatToParts(at);
      return parts.map(({ type, value }) => (type === "month" ? months[monthOf.format(at) - 1] : value)).join("");
    };
  };
  const clock = date({ hour: "2-digit", minute: "2-digit" });
  const day = date({ day: "numeric", month: "short" });
  const month = date({ month: "short", year: "2-digit" });
  const year = date({ year: "numeric" });
  const moment = date({ weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });

  const DAY_S = 86_400;
  const LEAST_S = 10 * 60;
  // From here on days are seen, and the mean of two weeks.
  const DAYS_FROM_S = 27 * DAY_S;
  const TREND_DAYS = 14;
  const TRY_AGAIN_MS = 10_000;
  const HOUR_S = 3600;
  const STEPS = [
    ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * 60),
    ...[1, 2, 3, 4, 6, 8, 12].map((hours) => hours * HOUR_S),
    ...[1, 2, 3, 4, 5, 7, 10, 14, 30, 60, 90, 180, 365, 730].map((days) => days * DAY_S),
  ];
  const SETTLE_MS = 120;
  // In pixels: the dot of a note, and how near a pointer has to be.
  const NOTE_R = 4;
  const NOTE_NEAR = 8;

  let end = Number(figure.dataset.to);
  let view = { min: Number(figure.dataset.from), max: end };
  let plot = null;
  let asked = 0;
  /** Those that are drawn beside it at the moment. */
  let drawnBeside = [];
  let ofDays = false;
  /** Times that are corrected, and those of which only the sum is known. */
  let marks = { corrected: [], coarse: [] };
  /** The highest and lowest of each point, also where they are not drawn. */
  let range = [[], []];
  let timer = null;
  let touched = Boolean(location.hash);

  /** What people have noted: when, and in which words. */
  const notes = () => JSON.parse(figure.dataset.notes ?? "[]");
  const missing = figure.querySelector(".missing");
  const compared = figure.querySelector("[data-compared]")?.textContent;
  const boxes = [...figure.querySelectorAll(".others input")];
  /** The meters that are shown beside this one. */
  const shown = () => boxes.filter((it) => it.checked);

  const css = (name) => getComputedStyle(figure).getPropertyValue(name).trim();
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const dark = matchMedia("(prefers-color-scheme: dark)");

  const size = () => ({ width: canvas.clientWidth, height: canvas.clientHeight });

  /** The middle of each step. */
  function middles({ edges, mean, start, step }) {
    return mean.map((_, i) => (edges ? (edges[i] + edges[i + 1]) / 2 : start + (i + 0.5) * step));
  }

  /** The columns that uPlot wants: time, highest, lowest, mean, mean of two weeks, and what it is compared with. */
  function columns(data, other, beside) {
    const x = middles(data);
    const most = data.max ?? data.mean;
    const least = data.min ?? data.mean;
    range = [most, least];
    marks = { corrected: data.corrected ?? [], coarse: data.coarse ?? [] };
    for (const [name, times] of Object.entries(marks)) figure.dataset[name] = times.length;
    ofDays = Boolean(data.edges) && x.length > 1 && x[1] - x[0] < 2 * DAY_S;
    figure.dataset.days = ofDays;
    const none = x.map(() => null);
    // The strongest minutes of days would bury the days.
    const [high, low] = data.edges ? [none, none] : [most, least];
    return [x, high, low, data.mean, ofDays ? trend(data.mean) : none, other ? ghost(x, other) : none, ...beside.map((it) => atTimes(x, it))];
  }

  /** The mean of what another meter has around each of these times: its points may be shorter. */
  function atTimes(x, other) {
    if (!other) return x.map(() => null);
    const times = middles(other);
    const half = Math.max(x.length > 1 ? (x[1] - x[0]) / 2 : 30, times.length > 1 ? (times[1] - times[0]) / 2 : 30);
    let from = 0;
    return x.map((time) => {
      while (from < times.length && times[from] <= time - half) from++;
      let [sum, count] = [0, 0];
      for (let at = from; at < times.length && times[at] < time + half + 1; at++) {
        if (other.mean[at] === null) continue;
        sum += other.mean[at];
        count++;
      }
      return count ? sum / count : null;
    });
  }

  /** The mean of each day and those before it; of two weeks of which more than half is known. */
  function trend(days) {
    return days.map((_, i) => {
      const known = days.slice(Math.max(0, i - TREND_DAYS + 1), i + 1).filter((mean) => mean !== null);
      return known.length > TREND_DAYS / 2 ? known.reduce((sum, mean) => sum + mean, 0) / known.length : null;
    });
  }

  /** What was then, at the times of now. */
  function ghost(x, other) {
    const then = middles(other);
    const half = then.length > 1 ? (then[1] - then[0]) / 2 + 1 : DAY_S;
    let at = 0;
    return x.map((time) => {
      while (at + 1 < then.length && then[at + 1] <= time - shift + half) at++;
      return then.length && Math.abs(then[at] - (time - shift)) <= half ? other.mean[at] : null;
    });
  }

  /** What a meter has; `of` is the element that says its edition: browsers keep what they have of a time that is over. */
  async function fetchSeries(from, to, points, of, address) {
    const edition = of.dataset.edition ? `&edition=${of.dataset.edition}` : "";
    const answer = await fetch(`${address}?from=${Math.floor(from)}&to=${Math.ceil(to)}&points=${points}${edition}`);
    if (!answer.ok) throw new Error(answer.statusText);
    return answer.json();
  }

  /** Asks for a little more than is seen, so that a small move shows no edge. */
  async function load() {
    const mine = ++asked;
    const width = view.max - view.min;
    const [from, to] = [Math.max(first - 3600, view.min - width / 4), Math.min(end, view.max + width / 4)];
    // At least as many as two years have days: the next step is a month.
    const fine = Math.min(2000, Math.max(800, Math.round(size().width * 1.2)));
    const points = width >= DAYS_FROM_S ? Math.min(2000, Math.ceil((to - from) / DAY_S) + 1) : fine;
    const others = shown();
    const last = Math.max(to, from + 60);
    const found = await Promise.allSettled([
      fetchSeries(from, last, points, figure, series),
      shift ? fetchSeries(from - shift, last - shift, points, figure, series) : null,
      ...others.map((it) => fetchSeries(from, last, points, it, it.dataset.of)),
    ]);
    if (mine !== asked) return;
    const names = [label, compared, ...others.map((it) => it.dataset.name)];
    const lacking = names.filter((_, at) => found[at].status === "rejected");
    if (lacking.length) setTimeout(() => { if (mine === asked) load(); }, TRY_AGAIN_MS);
    const [data, other, ...beside] = found.map((it) => it.value ?? null);
    // What is there stays.
    if (!data) {
      figure.dataset.failed = "";
      return;
    }
    delete figure.dataset.failed;
    missing.hidden = !lacking.length;
    missing.querySelector("span").textContent = lacking.join(", ");
    figure.dataset.step = data.step ?? DAY_S;
    const drawn = columns(data, other, beside);
    const isSame = others.length === drawnBeside.length && others.every((it, at) => it === drawnBeside[at]);
    drawnBeside = others;
    if (plot && isSame) {
      plot.batch(() => { plot.setData(drawn, false); plot.setScale("x", view); });
    } else {
      plot?.destroy();
      build(drawn);
    }
    figure.dataset.beside = others.map((it) => it.value).join(" ");
    tell();
    seen();
  }

  /** What is seen, in words; and which button that is. */
  function seen() {
    if (!figure.chart.measured()) readout.textContent = `${moment(view.min)} – ${moment(Math.min(view.max, end))}`;
    const width = view.max - view.min;
    for (const button of figure.querySelectorAll("[data-span]")) {
      const wanted = button.dataset.span === "all" ? end - first : Number(button.dataset.span);
      button.setAttribute("aria-pressed", Math.abs(width - wanted) < wanted * 0.03);
    }
  }

  const iso = (seconds) => `${new Date(Math.round(seconds / 60) * 60_000).toISOString().slice(0, 16)}Z`;
  const span = ({ min, max }) => `${iso(min)}/${iso(max)}`;

  /** Puts what is seen and measured into the address; a step is one that the Back button undoes. */
  function tell(isStep = false) {
    const band = figure.chart.measured();
    const beside = shown().map((it) => it.value).join(",");
    const address = `#view=${span(view)}${band ? `&measure=${span(band)}` : ""}${beside ? `&with=${beside}` : ""}`;
    if (address === location.hash || (!touched && !location.hash)) return;
    if (isStep) history.pushState(null, "", address);
    else history.replaceState(history.state, "", address);
  }

  /** What the address says. */
  function told() {
    const parts = new URLSearchParams(location.hash.slice(1));
    const read = (name) => {
      const [min, max] = (parts.get(name) ?? "").split("/").map((at) => Date.parse(at) / 1000);
      return min < max ? { min, max } : null;
    };
    return { view: read("view"), band: read("measure"), beside: (parts.get("with") ?? "").split(",") };
  }

  /** Goes where the address says. */
  function follow() {
    const { view: seen, band, beside } = told();
    tick(beside);
    const { from, to } = figure.dataset;
    const wanted = seen ?? { min: Number(from), max: Number(to) };
    show(wanted.min, wanted.max);
    figure.chart.measure(band);
  }

  /** Shows these meters beside this one, and no others. */
  function tick(meters) {
    for (const box of boxes) box.checked = meters.includes(box.value);
    if (shown().length) figure.querySelector(".others").open = true;
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
    figure.chart.moved();
    soon();
  }

  /** A step by somebody: from now on the address says what is seen. */
  function step(min, max) {
    touched = true;
    show(min, max);
    tell(true);
  }

  const zoom = (factor, about) => touch(about - (about - view.min) * factor, about + (view.max - about) * factor);
  function touch(min, max) {
    touched = true;
    show(min, max);
  }
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

  /** Stripes between two places: `slant` is 1, -1 or, for those that lie, 0. */
  function stripes({ ctx, bbox }, [left, right], slant, colour) {
    left = Math.max(left, bbox.left);
    right = Math.min(right, bbox.left + bbox.width);
    if (right <= left) return;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, bbox.top, right - left, bbox.height);
    ctx.clip();
    ctx.strokeStyle = colour;
    ctx.lineWidth = 2 * devicePixelRatio;
    ctx.beginPath();
    const apart = 8 * devicePixelRatio;
    const [top, bottom] = [bbox.top, bbox.top + bbox.height];
    if (slant) {
      for (let x = left - bbox.height; x < right; x += apart) {
        ctx.moveTo(x, slant > 0 ? bottom : top);
        ctx.lineTo(x + bbox.height, slant > 0 ? top : bottom);
      }
    } else {
      for (let y = top + apart; y < bottom; y += apart) {
        ctx.moveTo(left, y);
        ctx.lineTo(right, y);
      }
    }
    ctx.stroke();
    ctx.restore();
  }

  /** Stripes where nobody watched, where somebody has corrected, and where only the sum of a longer time is known. */
  function hatch(u) {
    const { data } = u;
    const [x, , , mean] = data;
    const half = x.length > 1 ? (x[1] - x[0]) / 2 : 30;
    const place = (at) => u.valToPos(at, "x", true);
    for (let i = 0; i < x.length; i++) {
      // Before the recording began nothing was missed.
      if (mean[i] !== null || x[i] < first) continue;
      let last = i;
      while (last + 1 < x.length && mean[last + 1] === null) last++;
      stripes(u, [place(Math.max(x[i] - half, first)), place(x[last] + half)], 1, css("--hatch"));
      i = last;
    }
    for (const [from, to] of marks.corrected) stripes(u, [place(from), place(to)], -1, css("--peak"));
    for (const [from, to] of marks.coarse) stripes(u, [place(from), place(to)], 0, css("--peak"));
  }

  /** A line where somebody has noted something, with a dot on it. */
  function flag(u) {
    const { ctx, bbox } = u;
    const seen = notes().filter(([at]) => at >= view.min && at <= view.max);
    figure.toggleAttribute("data-noted", seen.length > 0);
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = css("--ink");
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
    for (const [at] of seen) {
      const x = u.valToPos(at, "x", true);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.beginPath();
      ctx.arc(x, bbox.top + NOTE_R * devicePixelRatio, NOTE_R * devicePixelRatio, 0, 2 * Math.PI);
      ctx.fill();
    }
    ctx.restore();
  }

  /** The note at the pointer. */
  function noteAt(u) {
    const { left } = u.cursor;
    if (left === undefined || left < 0) return undefined;
    const near = notes().map(([at, text]) => [Math.abs(u.valToPos(at, "x") - left), at, text]).filter(([apart]) => apart <= NOTE_NEAR);
    return near.sort(([one], [other]) => one - other)[0];
  }

  function say(u) {
    if (figure.chart.measured()) return;
    const note = noteAt(u);
    if (note) {
      readout.textContent = `${moment(note[1])} · ${note[2]}`;
      return;
    }
    const index = u.cursor.idx;
    const mean = index === null || index === undefined ? null : u.data[3][index];
    if (mean === null || mean === undefined) {
      seen();
      return;
    }
    const [most, least] = [range[0][index], range[1][index]];
    const between = most > least ? ` (${number(least)}–${number(most)})` : "";
    const step = u.data[0].length > 1 ? u.data[0][1] - u.data[0][0] : 60;
    const others = drawnBeside.map((it, at) => [it.dataset.name, u.data[6 + at]?.[index] ?? null]);
    const said = others.filter(([, rate]) => rate !== null).map(([name, rate]) => ` · ${name} ${number(rate)} ${rateUnit}`);
    readout.textContent = `${moment(u.data[0][index] - step / 2)} · ${number(mean)} ${rateUnit}${between} · ${number(mean * step / 3.6e6, 3)} ${unit}${said.join("")}`;
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
        { label, stroke: () => (ofDays ? css("--ghost") : line), width: 1.6, fill: css("--wash"), points: { show: false } },
        { stroke: line, width: 2.4, points: { show: false } },
        { stroke: css("--soft"), width: 1.2, dash: [4, 3], points: { show: false } },
        ...drawnBeside.map((it) => ({
          label: it.dataset.name,
          stroke: getComputedStyle(it).getPropertyValue("--line").trim(),
          width: 1.6,
          points: { show: false },
        })),
      ],
      bands: [{ series: [1, 2], fill: css("--peak") }],
      axes: [
        // Nothing is finer than a minute.
        { ...axis, values: ticks, size: 40, space: 70, incrs: STEPS },
        { ...axis, values: (_u, splits) => splits.map((rate) => `${number(rate)} ${rateUnit}`), size: 66 },
      ],
      cursor: { drag: { x: false, y: false }, points: { size: 7 }, y: false },
      hooks: { drawClear: [hatch], draw: [flag, () => figure.chart.moved()], setCursor: [say] },
    };
  }

  function build(data) {
    plot = new uPlot(options(), data, canvas);
    listen(plot.over);
    figure.chart.built();
    figure.dataset.ready = "";
  }

  function rebuild() {
    if (!plot) return;
    const data = plot.data;
    plot.destroy();
    build(data);
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
        const by = (event.deltaX / over.clientWidth) * (view.max - view.min);
        touch(view.min + by, view.max + by);
      } else {
        zoom(Math.exp(Math.max(-0.5, Math.min(0.5, event.deltaY * 0.002))), at(event));
      }
    }, { passive: false });

    over.addEventListener("pointerdown", (event) => {
      if (event.target.closest(".handle")) return;
      fingers.set(event.pointerId, event.clientX);
      over.setPointerCapture(event.pointerId);
      const measures = event.shiftKey || figure.dataset.mode === "measure";
      drag = fingers.size === 1 ? { x: event.clientX, view, from: at(event), measures } : null;
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
        touch(min, min + width * factor);
      } else if (drag.measures) {
        drag.to = at(event);
        figure.chart.mark(drag.from, drag.to);
      } else {
        const by = ((event.clientX - drag.x) / over.clientWidth) * width;
        touch(drag.view.min - by, drag.view.max - by);
      }
    });

    const leave = (event) => {
      fingers.delete(event.pointerId);
      if (drag?.measures && drag.to !== undefined) figure.chart.settle();
      drag = null;
    };
    over.addEventListener("pointerup", leave);
    over.addEventListener("pointercancel", leave);
    over.addEventListener("dblclick", () => step(first, end));
  }

  function pinch(over, fingers) {
    const [one, other] = [...fingers.values()];
    const left = over.getBoundingClientRect().left;
    return { fingers: true, view, apart: Math.abs(one - other), middle: (one + other) / 2 - left };
  }

  canvas.addEventListener("keydown", (event) => {
    if (!plot || event.target !== canvas || event.ctrlKey || event.metaKey || event.altKey) return;
    const width = view.max - view.min;
    const middle = (view.min + view.max) / 2;
    const moves = {
      ArrowLeft: () => touch(view.min - width / 5, view.max - width / 5),
      ArrowRight: () => touch(view.min + width / 5, view.max + width / 5),
      "+": () => zoom(0.6, middle),
      "-": () => zoom(1 / 0.6, middle),
      "−": () => zoom(1 / 0.6, middle),
      Home: () => touch(first, first + width),
      End: () => touch(end - width, end),
      Escape: () => figure.chart.measure(null),
      m: () => figure.chart.turn(),
    };
    if (!moves[event.key]) return;
    event.preventDefault();
    moves[event.key]();
  });

  for (const button of figure.querySelectorAll("[data-span]")) {
    button.addEventListener("click", () => {
      const width = button.dataset.span === "all" ? end - first : Number(button.dataset.span);
      const middle = (view.min + view.max) / 2;
      // Who looks at the end still does.
      const last = view.max >= end - (view.max - view.min) * 0.03 ? end : Math.min(end, middle + width / 2);
      step(last - width, last);
    });
  }
  for (const box of boxes) {
    box.addEventListener("change", () => {
      touched = true;
      tell(true);
      load();
    });
  }
  figure.querySelector("[data-now]").addEventListener("click", () => step(end - (view.max - view.min), end));

  /** Takes over how often somebody has corrected a meter; whether that has changed. */
  function edit(element, renewed) {
    const edition = renewed?.dataset.edition ?? "";
    if (!renewed || edition === (element.dataset.edition ?? "")) return false;
    element.dataset.edition = edition;
    return true;
  }

  // A new minute: whoever looks at the end goes on with it. How far there is something, the page says that has come.
  document.addEventListener("minute", ({ detail: page }) => {
    const renewed = page.querySelector("[data-series]");
    if (!renewed) return;
    const edited = edit(figure, renewed);
    if (figure.dataset.notes !== renewed.dataset.notes) {
      if (renewed.dataset.notes) figure.dataset.notes = renewed.dataset.notes;
      else delete figure.dataset.notes;
      plot?.redraw(false);
    }
    const otherEdited = boxes.filter((it) => edit(it, renewed.querySelector(`input[value="${it.value}"]`)) && it.checked);
    const atEnd = view.max >= end - (view.max - view.min) * 0.03;
    const passed = Math.max(0, Number(renewed.dataset.to) - end);
    if (!passed && !edited && !otherEdited.length) return;
    end += passed;
    if (atEnd) view = { min: view.min + passed, max: view.max + passed };
    load();
  });

  new ResizeObserver(() => { plot?.setSize(size()); figure.chart.moved(); }).observe(canvas);
  dark.addEventListener("change", rebuild);
  addEventListener("popstate", follow);
  figure.dataset.calm = calm.matches;

  // For measure.js, which puts the rest of it here.
  figure.chart = {
    plot: () => plot,
    view: () => view,
    end: () => end,
    tell: (isStep) => { touched = true; tell(isStep); },
    seen,
    measured: () => null,
    measure: () => {},
    mark: () => {},
    settle: () => {},
    turn: () => {},
    moved: () => {},
    built: () => {},
    number,
    clock,
    moment,
  };
  const { view: asAsked, beside: besideAsked } = told();
  tick(besideAsked);
  if (asAsked) show(asAsked.min, asAsked.max);
  else load();
})();
