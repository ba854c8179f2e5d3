
"use strict";
// Tables: makes every column head of a sortable table a button: a click sorts upwards, another one downwards. Cells with a
// data-value sort as numbers and before all others; cells that show a dash come last either way.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  if (body.rows.length < 2) continue;

  const key = (row, column) => {
    const cell = row.cells[column];
    return { number: cell.dataset.value === undefined ? NaN : Number(cell.dataset.value), text: cell.textContent };
  };
  const compare = (a, b, down) => {
    const missing = (x) => Number.isNaN(x.number) && x.text === "–";
    if (missing(a) || missing(b)) return missing(a) - missing(b);
    const upwards = Number.isNaN(a.number) || Number.isNaN(b.number)
      ? Number.isNaN(a.number) - Number.isNaN(b.number) || a.text.localeCompare(b.text, "en", { numeric: true })
      : a.number - b.number;
    return down ? -upwards : upwards;
  };

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      const rows = [...body.rows].sort((a, b) => compare(key(a, column), key(b, column), down));
      body.append(...rows);
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
    });
  });
}

// Curves: each description stands beside its place as JSON.
for (const host of document.querySelectorAll(".chart")) nnlabCurves(host, JSON.parse(host.firstElementChild.textContent));

// Folded sections: a link of the page opens the one that it leads to, a button opens or closes all.
const folded = [...document.querySelectorAll("details")];
if (folded.length) {
  const unfold = () => {
    const wanted = location.hash && document.getElementById(location.hash.slice(1));
    if (wanted && wanted.firstElementChild instanceof HTMLDetailsElement) wanted.firstElementChild.open = true;
  };
  addEventListener("hashchange", unfold);
  for (const link of document.querySelectorAll("nav a")) link.addEventListener("click", () => setTimeout(unfold));
  unfold();

  const button = document.createElement("button");
  button.type = "button";
  const say = () => { button.textContent = folded.every((one) => one.open) ? "close all" : "open all"; };
  button.addEventListener("click", () => {
    const open = !folded.every((one) => one.open);
    for (const one of folded) one.open = open;
  });
  for (const one of folded) one.addEventListener("toggle", say);
  say();
  document.querySelector("nav").append(button);
}
