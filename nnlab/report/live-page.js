
"use strict";
// live.html: loads live.js again and again, which calls `nnlabLive` with the state of a run, and shows it. What is on
// the page stays there and gets new values, so that scrolling and focus stay as they are.
const nnlabLive = (() => {
  const SECONDS = { look: 1, calm: 5, first: 60, silent: 20, finishing: 900 };
  const STATES = {
    training: "Training.",
    finishing: "Trained. Measuring, drawing pictures and writing the report …",
    completed: "Completed.",
    stopped: "Stopped before its last step: by early stopping, or after --max-seconds.",
    interrupted: "Interrupted.",
    diverged: "Diverged: the weights ran away. The report says why.",
    failed: "Failed. The terminal and train.log say why.",
  };
  const part = (id) => document.getElementById(id);
  const charts = new Map();
  let run = null, seen = Date.now(), paused = false, over = false, timer = null, region = null;

  // --- loading -------------------------------------------------------------------------------------------------------

  function look() {
    clearTimeout(timer);
    const script = document.createElement("script");
    script.src = `live.js?t=${Date.now()}`;
    script.onload = script.onerror = () => {
      script.remove();
      judge();
      plan();
    };
    document.head.append(script);
  }

  // Looks again after a while, unless the page is hidden or paused, or the run is over.
  function plan() {
    clearTimeout(timer);
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (!document.hidden && !paused && !over) timer = setTimeout(look, 1000 * (calm ? SECONDS.calm : SECONDS.look));
  }

  // Whether the run has ended, or has given no sign of life for much longer than it usually does.
  function judge() {
    const silence = (Date.now() - seen) / 1000;
    if (!run) {
      over = silence > SECONDS.first;
      if (over) say("state", `No figures within ${span(silence)}. The run has ended, or its first steps take long.`);
      part("again").hidden = !over;
      return;
    }
    const ended = !["training", "finishing"].includes(run.status);
    const patience = run.status === "finishing" ? SECONDS.finishing : Math.max(SECONDS.silent, 5 * run.every);
    const silent = !ended && silence > patience;
    over = ended || silent;
    let text = STATES[run.status] ?? run.status;
    if (run.status === "interrupted" && run.goOn) text += ` To go on: ${run.goOn}.`;
    if (silent) {
      text = `No sign of life for ${span(silence)}. The run was killed or goes on without --live, or its machine sleeps.`;
    }
    say("state", text);
    words();
    part("state").className = `verdict ${silent || ["diverged", "failed"].includes(run.status) ? "bad" : "plain"}`;
    part("report").hidden = !ended;
    part("again").hidden = !over;
    part("pause").hidden = over;
    const share = run.steps ? Math.min(1, run.done ?? run.step / run.steps) : 0;
    part("progress").value = share;
    document.title = `${over ? (silent ? "no news" : run.status) : `${Math.floor(100 * share)} %`} · ${run.name}`;
  }

  // Text that has not changed is left alone, or a screen reader would say it again every second.
  function say(id, text) {
    if (part(id).textContent !== text) part(id).textContent = text;
  }

  // --- words ---------------------------------------------------------------------------------------------------------

  const grouped = (value) => value.toLocaleString("en", { maximumFractionDigits: 1 });

  function span(seconds) {
    if (seconds < 60) return `${Math.round(seconds)} s`;
    const minutes = Math.round(seconds / 60);
    return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  }

  function words() {
    const goes = run.status === "training" && !over;
    const now = [`${run.what ? `${run.what}: step` : "Step"} ${grouped(run.step)} of ${grouped(run.steps)}`];
    if (run.epoch) now.push(`epoch ${grouped(run.epoch)}`);
    if (!run.arms) now.push(`${span(run.seconds)} so far`);
    if (!run.arms && run.left !== null && goes) now.push(`about ${span(run.left)} left`);
    say("now", now.join(" · "));
    if (!run.arms) return;
    const whole = [`${run.arms.done} of ${run.arms.rows.length} done`, `${span(run.seconds)} so far`];
    if (run.left !== null && goes) whole.push(`about ${span(run.left)} left of the whole`);
    say("whole", whole.join(" · "));
  }

  // --- content -------------------------------------------------------------------------------------------------------

  function show() {
    for (const chart of run.charts) {
      const known = charts.get(chart.title);
      if (known) known.update(chart);
      else {
        const host = document.createElement("section");
        host.className = "chart";
        part("figures").append(host);
        charts.set(chart.title, nnlabCurves(host, chart));
      }
    }
    if (run.region) showRegion(run.region);
    if (run.arms) showArms(run.arms);
    say("notes", run.notes.join(" "));
  }

  // The table of arms: rows and cells stay, their texts change.
  function showArms(arms) {
    const host = part("arms");
    say("arms-title", arms.title);
    if (!host.querySelector("table")) {
      const box = document.createElement("div"), table = document.createElement("table");
      box.className = "scroll";
      box.tabIndex = 0;
      box.setAttribute("role", "region");
      box.setAttribute("aria-labelledby", "arms-title");
      const head = table.createTHead().insertRow();
      for (const name of arms.columns) {
        const cell = document.createElement("th");
        cell.scope = "col";
        cell.textContent = name;
        head.append(cell);
      }
      table.createTBody();
      box.append(table);
      host.append(box);
      host.hidden = false;
    }
    const body = host.querySelector("tbody");
    arms.rows.forEach((texts, index) => {
      const row = body.rows[index] ?? body.insertRow();
      texts.forEach((text, column) => {
        const cell = row.cells[column] ?? row.insertCell();
        if (cell.textContent !== text) cell.textContent = text;
      });
    });
  }

  // --- the decision region of a network with two inputs --------------------------------------------------------------

  const LOOKS = [[0, 114, 178], [213, 94, 0], [0, 158, 115], [230, 159, 0], [204, 121, 167], [86, 180, 233], [60, 60, 60]];
  const pale = (look, strength) => LOOKS[look % LOOKS.length].map((part) => 255 - strength * (255 - part));

  function showRegion(next) {
    if (!region) {
      const host = document.createElement("section"), figure = document.createElement("figure");
      const caption = document.createElement("figcaption"), canvas = document.createElement("canvas");
      const title = document.createElement("span"), legend = document.createElement("p");
      host.className = "chart";
      figure.className = "curves";
      title.className = "curves-title";
      title.textContent = "Decision region";
      legend.className = "curves-where";
      canvas.setAttribute("role", "img");
      caption.append(title);
      figure.append(caption, canvas, legend);
      host.append(figure);
      part("figures").children[0]?.after(host);
      region = { canvas, legend };
      new ResizeObserver(() => paint(run.region)).observe(host);
    }
    paint(next);
    if (!region.legend.childNodes.length) {
      region.legend.append("Areas: predictions; marks: true classes ");
      next.classes.forEach((name, index) => {
        const mark = document.createElement("span");
        mark.style.color = `rgb(${LOOKS[index % LOOKS.length].join(",")})`;
        mark.textContent = "●■▲◆"[index % 4];
        region.legend.append(mark, ` ${name}  `);
      });
      if (next.binary) region.legend.append("; line: probability 50 %");
    }
    const [first, second] = next.names;
    const words = `What the network predicts over ${first} and ${second} at step ${grouped(next.step)}, with the rows of the data`;
    region.canvas.setAttribute("aria-label", words);
    region.canvas.title = words;
  }

  function paint(next) {
    const { canvas } = region, dense = window.devicePixelRatio || 1, [left, right, bottom, top] = next.extent;
    const width = Math.max(120, canvas.parentElement.clientWidth - 44), alike = (top - bottom) / (right - left);
    const across = Math.min(width, 420), height = alike > 1 / 3 && alike < 3 ? Math.min(across * alike, 420) : 300;
    const wide = alike > 1 / 3 && alike < 3 ? height / alike : across;
    canvas.width = (wide + 44) * dense;
    canvas.height = (height + 34) * dense;
    canvas.style.width = `${wide + 44}px`;
    canvas.style.height = `${height + 34}px`;
    const pen = canvas.getContext("2d"), ink = getComputedStyle(document.body).color;
    pen.scale(dense, dense);
    pen.translate(44, 2);
    pen.drawImage(shading(next), 0, 0, wide, height);
    const toX = (x) => ((x - left) / (right - left)) * wide, toY = (y) => (1 - (y - bottom) / (top - bottom)) * height;
    if (next.binary) border(pen, next, wide, height);
    for (const [x, y, label] of next.points) mark(pen, toX(x), toY(y), label, next.points.length);
    pen.fillStyle = ink;
    pen.font = "12px system-ui, sans-serif";
    const short = (value) => String(Number(value.toPrecision(3)));
    pen.fillText(short(left), 0, height + 14);
    pen.textAlign = "right";
    pen.fillText(short(right), wide, height + 14);
    pen.fillText(short(bottom), -5, height);
    pen.fillText(short(top), -5, 11);
    pen.textAlign = "center";
    pen.fillText(next.names[0], wide / 2, height + 28, wide);
    pen.rotate(-Math.PI / 2);
    pen.fillText(next.names[1], -height / 2, -30, height - 60);
  }

  // The predictions as pixels, row by row from the bottom: of two classes the shade is the probability in percent, of
  // more the class; -1 is unknown.
  function shading({ cells, along, binary }) {
    const canvas = document.createElement("canvas"), pen = (canvas.width = canvas.height = along, canvas.getContext("2d"));
    const image = pen.createImageData(along, along);
    cells.forEach((cell, index) => {
      const row = along - 1 - Math.floor(index / along), at = 4 * (row * along + (index % along));
      const colour = cell < 0 ? [158, 158, 158]
        : binary ? pale(cell < 50 ? 0 : 1, 0.6 * Math.abs(cell / 50 - 1)) : pale(cell, 0.4);
      image.data.set([...colour, 255], at);
    });
    pen.putImageData(image, 0, 0);
    return canvas;
  }

  // The line of 50 %, between neighbouring cells on its two sides: at most two crossings a square are joined.
  function border(pen, { cells, along }, wide, height) {
    const at = (column, row) => cells[row * along + column] - 50;
    const place = (column, row) => [((column + 0.5) / along) * wide, (1 - (row + 0.5) / along) * height];
    pen.beginPath();
    for (let row = 0; row + 1 < along; row++) {
      for (let column = 0; column + 1 < along; column++) {
        const corners = [[column, row], [column + 1, row], [column + 1, row + 1], [column, row + 1]];
        const found = corners.flatMap((one, index) => {
          const other = corners[(index + 1) % 4], a = at(...one), b = at(...other);
          if (a < 0 === b < 0) return [];
          const share = a / (a - b);
          return [place(one[0] + share * (other[0] - one[0]), one[1] + share * (other[1] - one[1]))];
        });
        if (found.length === 2) {
          pen.moveTo(...found[0]);
          pen.lineTo(...found[1]);
        }
      }
    }
    pen.strokeStyle = "#222222";
    pen.lineWidth = 1.8;
    pen.stroke();
  }

  function mark(pen, x, y, label, count) {
    const size = count <= 40 ? 6 : 4;
    pen.beginPath();
    if (label % 4 === 0) pen.arc(x, y, size, 0, 2 * Math.PI);
    else if (label % 4 === 1) pen.rect(x - 0.9 * size, y - 0.9 * size, 1.8 * size, 1.8 * size);
    else {
      const corners = label % 4 === 2 ? [[0, -1.2], [1.1, 0.9], [-1.1, 0.9]] : [[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0]];
      corners.forEach(([right, down], index) => pen[index ? "lineTo" : "moveTo"](x + right * size, y + down * size));
      pen.closePath();
    }
    pen.fillStyle = `rgb(${LOOKS[label % LOOKS.length].join(",")})`;
    pen.strokeStyle = "#ffffff";
    pen.lineWidth = 1;
    pen.fill();
    pen.stroke();
  }

  // --- controls ------------------------------------------------------------------------------------------------------

  part("pause").addEventListener("click", () => {
    paused = !paused;
    part("pause").setAttribute("aria-pressed", String(paused));
    part("pause").textContent = paused ? "Go on" : "Pause";
    clearTimeout(timer);
    if (!paused) look();
  });
  part("again").addEventListener("click", () => {
    seen = Date.now();
    over = false;
    look();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) clearTimeout(timer);
    else if (!paused && !over) look();
  });
  look();

  return (text) => {
    const next = JSON.parse(text);
    if (paused || next.written === run?.written) return;
    seen = run ? Date.now() : next.written;
    run = next;
    show();
  };
})();
