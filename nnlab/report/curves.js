
"use strict";
// Curves over steps that show their values under the pointer, for report.html and live.html. No library, no network.
//
//   const chart = nnlabCurves(host, description);      adds a figure to the element `host`
//   chart.update(description);                         shows new values; what is focused, chosen or hidden stays so
//
// A description is plain data, such as JSON:
//
//   {title: "Loss", x: "step", perEpoch: 12.5, percent: false, log: false,
//    series: [{name: "train/loss", look: 0, x: [0, 10], y: [0.7, null], members: [[0.8, null], [0.6, null]]}]}
//
// `x` names the horizontal axis; `perEpoch`, if given, is how much of it makes an epoch. Values of a series are null
// where nothing was measured; a line leads over such gaps. `look` numbers colour and line style, as in nnlab's
// pictures, by default in the order of the series; "batch" and "running" are grey. `members`, such as the seeds of an
// arm, are thin lines at the same x. `percent` shows shares; `log` asks for a logarithmic axis, until somebody chooses
// another on the page. `afterStart` scales the axis to the values after the first tenth of the steps, where these need
// less than half the room. `best` is the step whose weights the tables are of: a dotted line. `notes` are sentences below
// the values. Fewer than 10 points are marks, dotted in between. Texts are never read as HTML.
const nnlabCurves = (() => {
  const LOOKS = 7, DASHES = 4, FEWEST = 10, EARLY = 0.1, LEAST_CUT = 0.5, HEIGHT = 250;
  const MARGIN = { left: 62, right: 26, top: 10, bottom: 38 };

  function element(name, attributes = {}, ...children) {
    const svg = ["svg", "path", "line", "text", "circle", "g"].includes(name);
    const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  // --- numbers -------------------------------------------------------------------------------------------------------

  const grouped = (value) => value.toLocaleString("en", { maximumFractionDigits: 2 });

  function shown(value, percent, digits = 4) {
    if (value === null || value === undefined) return "–";
    if (percent) return `${Number((100 * value).toPrecision(digits))} %`;
    const size = Math.abs(value);
    if (size && (size < 1e-4 || size >= 1e7)) return value.toExponential(digits - 1).replace("e+", "e");
    return value.toLocaleString("en", { maximumSignificantDigits: digits });
  }

  function linearTicks(low, high, wanted) {
    const raw = (high - low) / wanted, power = 10 ** Math.floor(Math.log10(raw));
    const step = power * [1, 2, 5, 10].find((factor) => factor * power >= raw * (1 - 1e-9));
    const ticks = [];
    for (let index = Math.ceil(low / step - 1e-9); index * step <= high + step * 1e-9; index++) ticks.push(index * step || 0);
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    return ticks.map((tick) => [tick, digits]);
  }

  function logTicks(low, high) {
    const first = Math.floor(Math.log10(low)), last = Math.ceil(Math.log10(high)), ticks = [];
    const factors = last - first <= 2 ? [1, 2, 5] : [1], every = Math.ceil((last - first) / 6);
    for (let power = first; power <= last; power += every) {
      for (const factor of factors) ticks.push(factor * 10 ** power);
    }
    return ticks.filter((tick) => tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9)).map((tick) => [tick, null]);
  }

  function tickText([tick, digits], percent) {
    const scaled = percent ? 100 * tick : tick, size = Math.abs(scaled);
    if (size && (size < 1e-4 || size >= 1e6)) return Number(scaled.toPrecision(3)).toExponential().replace("e+", "e");
    if (digits === null) return shown(tick, percent);
    const fraction = Math.max(0, digits - (percent ? 2 : 0));
    const places = { minimumFractionDigits: fraction, maximumFractionDigits: fraction };
    return scaled.toLocaleString("en", places) + (percent ? " %" : "");
  }

  function extremes(values) {
    return values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
  }

  // A range of values as an axis shows it: never empty, with some air; below zero only if a value is; shares end at 100 %.
  function extent(values, log, percent) {
    const [low, high] = extremes(values);
    if (low > high) return log ? [0.1, 1] : [0, 1];
    if (log) return low === high ? [low / 2, high * 2] : [low / 1.1, high * 1.1];
    const flat = high - low <= 1e-4 * Math.max(Math.abs(low), Math.abs(high));
    const air = flat ? Math.abs(low) / 10 || 0.5 : 0.05 * (high - low);
    return [low < 0 ? low - air : Math.max(0, low - air), percent ? Math.min(1, high + air) : high + air];
  }

  // The values that an axis is to show, of points [x, y]: those after the start if they span less than half of all.
  function afterStart(points, log) {
    const xs = points.map(([x]) => x).sort((a, b) => a - b), begin = xs[0] + EARLY * (xs.at(-1) - xs[0]);
    const span = (values) => {
      const [low, high] = extremes(log ? values.map(Math.log) : values);
      return Math.max(0, high - low);
    };
    const all = points.map(([, y]) => y), late = points.filter(([x]) => x > begin).map(([, y]) => y);
    return span(late) && span(late) < LEAST_CUT * span(all) ? late : all;
  }

  // The index of the entry of a rising list that is nearest to a value.
  function nearest(rising, value) {
    let low = 0, high = rising.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rising[middle] < value) low = middle + 1;
      else high = middle;
    }
    return low && value - rising[low - 1] < rising[low] - value ? low - 1 : low;
  }

  // --- a chart -------------------------------------------------------------------------------------------------------

  return (host, description) => {
    const hidden = new Set(), rows = new Map(), measured = new Map();
    let about = description, cursor = null, log = false, chosen = false, scale = null;

    const title = element("span", { class: "curves-title" });
    const toggle = element("button", { type: "button", "aria-pressed": "false" }, "log scale");
    const plot = element("svg", { tabindex: "0", role: "slider", height: HEIGHT });
    const where = element("p", { class: "curves-where" });
    const key = element("ul", { class: "curves-key" });
    const notes = element("p", { class: "curves-notes" });
    host.append(element("figure", { class: "curves" },
      element("figcaption", {}, title, toggle), plot, where, key, notes));

    const visible = () => about.series.filter((series) => !hidden.has(series.name));
    const known = (value) => value !== null && Number.isFinite(value) && (!log || value > 0);

    function lookOf(series) {
      const look = series.look ?? about.series.indexOf(series);
      return typeof look === "number" ? `curves-look-${look % LOOKS} curves-dash-${look % DASHES}` : `curves-look-${look}`;
    }

    // Whether a line would tell of steps that nobody looked at.
    const isSparse = (series) => measured.get(series.name).x.length < FEWEST;

    // Every x at which something visible was measured, in order: where the cursor can be.
    function stops() {
      const found = new Set(visible().flatMap((series) => measured.get(series.name).x));
      return [...found].sort((a, b) => a - b);
    }

    // The value of a series nearest to a step, and its members there.
    function valueAt(series, x) {
      const { x: steps, indices } = measured.get(series.name);
      if (!steps.length) return { value: null, members: [] };
      const index = indices[x === null ? steps.length - 1 : nearest(steps, x)];
      const members = (series.members ?? []).map((member) => member[index]).filter((value) => value !== null);
      return { value: series.y[index], members };
    }

    function valueText(series, x) {
      const { value, members } = valueAt(series, x);
      const text = shown(value, about.percent);
      if (members.length < 2 || members.length < series.members.length) return text;
      const [low, high] = [Math.min(...members), Math.max(...members)].map((end) => shown(end, about.percent, 3));
      return `${text} (${low} to ${high})`;
    }

    function whereText(x) {
      if (x === null) return "latest values";
      const epoch = about.perEpoch ? `, epoch ${grouped(x / about.perEpoch)}` : "";
      return `at ${about.x} ${grouped(x)}${epoch}`;
    }

    function draw() {
      const width = plot.getBoundingClientRect().width || host.clientWidth;
      if (!width) return;
      const series = visible(), points = series.flatMap((one) => [one.y, ...(one.members ?? [])].flatMap((values) =>
        values.flatMap((value, index) => (known(value) ? [[one.x[index], value]] : []))));
      const xs = points.map(([x]) => x), ys = points.map(([, y]) => y);
      const framed = about.afterStart && !series.some(isSparse) ? afterStart(points, log) : ys;
      const [bottom, top] = extent(framed, log, about.percent), right = width - MARGIN.right;
      const left = xs.reduce((low, x) => Math.min(low, x), 0), end = xs.reduce((high, x) => Math.max(high, x), left + 1);
      const height = HEIGHT - MARGIN.top - MARGIN.bottom, place = log ? Math.log : (value) => value;
      const toX = (x) => MARGIN.left + ((x - left) / (end - left)) * (right - MARGIN.left);
      const toY = (y) => MARGIN.top + (1 - (place(y) - place(bottom)) / (place(top) - place(bottom))) * height;
      scale = { toX, fromX: (pixel) => left + ((pixel - MARGIN.left) / (right - MARGIN.left)) * (end - left) };

      const parts = [];
      for (const tick of log ? logTicks(bottom, top) : linearTicks(bottom, top, 5)) {
        const y = toY(tick[0]);
        parts.push(element("line", { class: "curves-grid", x1: MARGIN.left, x2: right, y1: y, y2: y }));
        parts.push(element("text", { x: MARGIN.left - 8, y: y + 4, "text-anchor": "end" }, tickText(tick, about.percent)));
      }
      for (const tick of linearTicks(left, end, width < 500 ? 3 : 6)) {
        const x = toX(tick[0]), y = HEIGHT - MARGIN.bottom;
        parts.push(element("line", { class: "curves-grid", x1: x, x2: x, y1: y, y2: y + 5 }));
        parts.push(element("text", { x, y: y + 18, "text-anchor": "middle" }, tickText(tick, false)));
      }
      const axis = { x: (MARGIN.left + right) / 2, y: HEIGHT - 4, "text-anchor": "middle" };
      parts.push(element("text", axis, about.x));

      // What lies outside the frame is cut off by a drawing within the drawing.
      const frame = element("svg", { y: MARGIN.top - 5, width, height: height + 10,
        viewBox: `0 ${MARGIN.top - 5} ${width} ${height + 10}` });
      const line = (one, values, more = "") => {
        const points = values.flatMap((value, index) => (known(value) ? [[toX(one.x[index]), toY(value)]] : []));
        const path = points.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
        const sparse = isSparse(one) ? " curves-sparse" : "";
        if (points.length > 1) frame.append(element("path", { class: `${lookOf(one)}${sparse}${more}`, d: path }));
        return points;
      };
      if (about.best !== undefined && about.best !== null) {
        const x = toX(about.best);
        frame.append(element("line", { class: "curves-best", x1: x, x2: x, y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom }));
      }
      for (const one of series) {
        for (const member of one.members ?? []) line(one, member, " curves-member");
      }
      for (const one of series) {
        const drawn = line(one, one.y), marked = isSparse(one) ? drawn : drawn.slice(-1);
        for (const [x, y] of marked) frame.append(element("circle", { class: lookOf(one), cx: x, cy: y, r: isSparse(one) ? 4 : 3 }));
      }
      parts.push(frame);
      if (!ys.length) {
        const middle = { x: (MARGIN.left + right) / 2, y: HEIGHT / 2, "text-anchor": "middle" };
        parts.push(element("text", middle, about.series.length > hidden.size ? "nothing to show yet" : "all hidden"));
      }
      if (cursor !== null) {
        const x = toX(cursor);
        parts.push(element("line", { class: "curves-cursor", x1: x, x2: x, y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom }));
        for (const one of series) {
          const { value } = valueAt(one, cursor);
          if (known(value)) {
            frame.append(element("circle", { class: lookOf(one), cx: x, cy: toY(value), r: 4 }));
          }
        }
      }
      plot.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);  // paper may be narrower than the screen
      plot.replaceChildren(...parts);
      say(series, [ys.some((y) => y < bottom) && "below", ys.some((y) => y > top) && "above"].filter(Boolean));
    }

    // Sentences on how the curves are drawn; some of the first values may lie on some `sides` of the frame.
    function say(series, sides) {
      const best = about.best === undefined || about.best === null ? ""
        : `Dotted line: step ${grouped(about.best)}, whose weights the tables are of; latest values: the last weights.`;
      const arrows = { below: "↓", above: "↑" };
      const outside = sides.map((side) => `${arrows[side]} Some of the first steps lie ${side} the frame.`);
      const sparse = series.some(isSparse) ? "Marks: measured; dotted: not in between." : "";
      notes.textContent = [...(about.notes ?? []), best, ...outside, sparse].filter(Boolean).join(" ");
    }

    // The values at the cursor, or the latest ones: in the key and for a screen reader.
    function read() {
      where.textContent = whereText(cursor);
      const texts = visible().map((series) => `${series.name} ${valueText(series, cursor)}`);
      for (const series of about.series) {
        rows.get(series.name).value.textContent = valueText(series, cursor);
      }
      const all = stops();
      plot.setAttribute("aria-valuemin", all[0] ?? 0);
      plot.setAttribute("aria-valuemax", all.at(-1) ?? 0);
      plot.setAttribute("aria-valuenow", cursor ?? all.at(-1) ?? 0);
      plot.setAttribute("aria-valuetext", `${whereText(cursor)}: ${texts.join(", ")}`);
    }

    function moveTo(x) {
      cursor = x;
      draw();
      read();
    }

    // One row of the key for each series; those that are there stay, with their focus.
    function makeKey() {
      for (const [name, { row }] of rows) {
        if (!about.series.some((series) => series.name === name)) {
          row.remove();
          rows.delete(name);
        }
      }
      for (const series of about.series) {
        if (!rows.has(series.name)) rows.set(series.name, makeRow(series));
      }
    }

    function makeRow(series) {
      const swatch = element("svg", { width: 26, height: 12, "aria-hidden": "true" },
        element("path", { class: lookOf(series), d: "M1 6L25 6" }));
      const button = element("button", { type: "button", "aria-pressed": "true", title: "show or hide" },
        swatch, element("span", { class: "curves-name" }, series.name));
      const value = element("span", { class: "curves-value" });
      const row = element("li", {}, button, value);
      button.addEventListener("click", () => {
        if (!hidden.delete(series.name)) hidden.add(series.name);
        button.setAttribute("aria-pressed", String(!hidden.has(series.name)));
        moveTo(cursor);
      });
      key.append(row);
      return { row, value };
    }

    toggle.addEventListener("click", () => {
      chosen = true;
      setLog(!log);
      draw();
    });
    const follow = (event) => {
      const all = stops();
      if (!all.length || !scale) return;
      moveTo(all[nearest(all, scale.fromX(event.clientX - plot.getBoundingClientRect().left))]);
    };
    plot.addEventListener("pointermove", follow);
    plot.addEventListener("pointerdown", follow);
    plot.addEventListener("pointerleave", () => moveTo(null));
    plot.addEventListener("blur", () => moveTo(null));
    plot.addEventListener("keydown", (event) => {
      const all = stops(), at = cursor === null ? all.length - 1 : nearest(all, cursor);
      const moves = { ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1,
        PageDown: at - 10, PageUp: at + 10, Home: 0, End: all.length - 1 };
      if (event.key === "Escape") moveTo(null);
      else if (event.key in moves && all.length) {
        event.preventDefault();
        moveTo(all[Math.min(Math.max(moves[event.key], 0), all.length - 1)]);
      }
    });

    function setLog(wanted) {
      log = wanted;
      toggle.setAttribute("aria-pressed", String(log));
    }

    function update(next) {
      about = next;
      if (!chosen) setLog(Boolean(next.log));
      measured.clear();
      for (const series of about.series) {
        const indices = series.x.map((_, index) => index).filter((index) => series.y[index] !== null);
        measured.set(series.name, { indices, x: indices.map((index) => series.x[index]) });
      }
      title.textContent = about.title;
      const isLong = ({ name, members = [] }) => name.length > 16 || members.length > 1;
      key.classList.toggle("curves-key-long", about.series.some(isLong));
      plot.setAttribute("aria-label", `${about.title}: values over the ${about.x}s, arrow keys move along them`);
      makeKey();
      draw();
      read();
    }

    update(description);
    new ResizeObserver(draw).observe(plot);
    return { update };
  };
})();
