
"use strict";
// Columns sort, and a link #cell/METHOD/DATASET/TEACHER/STUDENT opens the runs behind a number.
// Everything is put into the page as text; nothing is ever parsed as HTML.

const data = JSON.parse(document.getElementById("data").textContent);
const dialog = document.getElementById("detail");
const SVG = "http://www.w3.org/2000/svg";
const FIRST = 50; // runs shown at once

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function compare(x, y) {
  if (x === "" || y === "") return (x === "") - (y === "");
  return isNaN(x) || isNaN(y) ? x.localeCompare(y, "en", { numeric: true }) : x - y;
}

function sortBy(button) {
  const head = button.parentElement;
  const body = head.closest("table").tBodies[0];
  const first = [...body.rows].find(row => row.cells[head.cellIndex].dataset.value !== "");
  const isText = first && isNaN(first.cells[head.cellIndex].dataset.value);
  const now = head.getAttribute("aria-sort") ?? (isText || head.cellIndex === 0 ? "descending" : "ascending");
  const next = now === "descending" ? "ascending" : "descending";
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", next);
  const sign = next === "descending" ? -1 : 1;
  const key = row => row.cells[head.cellIndex].dataset.value;
  body.append(...[...body.rows].sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    return x === "" || y === "" ? compare(x, y) : sign * compare(x, y); // what has no value stays at the end
  }));
}

function number(value, digits = 2) {
  return value === null || value === undefined ? "–" : value.toFixed(digits);
}

function chance(p) {
  return p === null ? "–" : p < 0.0001 ? "< 0.0001" : p.toFixed(4);
}

function table(label, head, rows, attributes = {}) {
  const titles = head.map(([text, kind]) => element("th", kind ? { scope: "col", class: kind } : { scope: "col" }, text));
  const made = element("table", attributes, element("thead", {}, element("tr", {}, ...titles)), element("tbody", {}, ...rows));
  return element("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": label }, made);
}

function spark(curve, best, value) {
  if (!curve.length) return "–";
  const [step, ...values] = curve;
  const points = values.map((y, i) => [1 + i * step, y]).filter(([, y]) => y !== null);
  if (best && value !== null) points.push([best, value]);
  points.sort((a, b) => a[0] - b[0]);
  const xs = points.map(p => p[0]), ys = points.map(p => p[1]);
  const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const place = ([x, y]) => [
    4 + (102 * (x - left)) / (right - left || 1), high === low ? 13 : 22 - (18 * (y - low)) / (high - low)];
  const picture = document.createElementNS(SVG, "svg");
  const text = `validation from ${ys[0].toFixed(1)} to ${ys.at(-1).toFixed(1)}, epochs ${left} to ${right}`;
  for (const [key, of] of Object.entries({ class: "spark", viewBox: "0 0 110 26", role: "img", "aria-label": text }))
    picture.setAttribute(key, of);
  const title = document.createElementNS(SVG, "title");
  title.textContent = text + (best ? `; epoch ${best} was selected` : "");
  const line = document.createElementNS(SVG, "polyline");
  line.setAttribute("points", points.map(p => place(p).map(v => v.toFixed(1)).join(",")).join(" "));
  picture.append(title, line);
  if (best && value !== null) {
    const dot = document.createElementNS(SVG, "circle");
    const [x, y] = place([best, value]);
    for (const [key, of] of Object.entries({ cx: x.toFixed(1), cy: y.toFixed(1), r: 2.6 })) dot.setAttribute(key, of);
    picture.append(dot);
  }
  return picture;
}

function command(cell, seed, fold, state, end) {
  const folds = data.folds[cell[1]] > 1 ? ` --folds ${fold},` : "";
  const where = state !== "done" && cell[3] ? data.own : data.copy;
  return `${data.texts[cell[2]]} --seeds ${seed},${folds}${where}${data.texts[end]}`;
}

function runRows(cell, [seed, fold, place, reason, end], manyFolds) {
  const runs = data.runs;
  const state = reason >= 0 ? "not defined" : place < 0 ? "pending" : data.texts[runs.state[place]];
  const cause = reason >= 0 ? data.texts[reason] : place >= 0 && runs.error[place] >= 0 ? data.texts[runs.error[place]] : "";
  const of = name => (place < 0 ? null : runs[name][place]);
  const teacher = place >= 0 && runs.teacher[place] >= 0 ? runs.id[runs.teacher[place]] : null;
  const cells = [
    element("th", { scope: "row" }, String(seed)),
    ...(manyFolds ? [element("td", {}, String(fold))] : []),
    element("td", { class: "text" }, element("span", { class: `state ${state.replace(" ", "-")}` }, state)),
    element("td", {}, number(of("value"))),
    element("td", {}, number(of("val_value"))),
    element("td", { class: "text" }, place < 0 ? "–" : spark(of("curve"), of("best"), of("val_value"))),
    element("td", {}, of("best") ? `${of("best")} of ${of("epochs")}` : number(of("epochs"), 0)),
    element("td", {}, number(of("seconds"), 1)),
    element("td", {}, number(of("peak_mb"), 0)),
    element("td", {}, number(of("teacher_value"))),
  ];
  const extra = [];
  if (cause) extra.push(element("span", { class: "error" }, cause));
  if (place >= 0)
    extra.push(element("span", { class: "ids" }, "run ", element("code", {}, runs.id[place]),
      ...(teacher ? [", taught by run ", element("code", {}, teacher)] : [])));
  if (state !== "not defined")
    extra.push(element("details", {}, element("summary", {}, state === "done" ? "Command that repeats it" : "Command that runs it"),
      element("pre", { tabindex: "0" }, element("code", {}, command(cell, seed, fold, state, end)))));
  return [element("tr", {}, ...cells), element("tr", { class: "extra" }, element("td", {}), element("td", { colspan: cells.length - 1 }, ...extra))];
}

function runTable(cell) {
  const members = cell[4];
  const manyFolds = data.folds[cell[1]] > 1;
  const head = [["seed", "text"], ...(manyFolds ? [["fold"]] : []), ["state", "text"], ["test"], ["validation"], ["curve", "text"],
    ["epoch"], ["seconds"], ["peak MB"], ["teacher's test"]];
  const made = table("Runs", head, members.slice(0, FIRST).flatMap(member => runRows(cell, member, manyFolds)));
  if (members.length <= FIRST) return [made];
  const more = element("button", { type: "button", class: "more" }, `Show the other ${members.length - FIRST} runs`);
  more.addEventListener("click", () => {
    made.querySelector("tbody").append(...members.slice(FIRST).flatMap(member => runRows(cell, member, manyFolds)));
    more.remove();
  });
  return [made, more];
}

function settingsOf(cell) {
  const used = [...new Set(cell[4].filter(member => member[2] >= 0).map(member => data.runs.settings[member[2]]))];
  return used.map((place, i) => {
    const sections = data.settings[place].map(section => data.sections[section]).map(([title, pairs]) => {
      const rows = pairs.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value === "" ? "–" : String(value))));
      return element("div", {}, element("h4", {}, title), element("dl", {}, ...rows));
    });
    const seeds = cell[4].filter(member => member[2] >= 0 && data.runs.settings[member[2]] === place).map(member => member[0]);
    const title = used.length > 1 ? `Settings of seeds ${[...new Set(seeds)].join(", ")}` : "Settings";
    const made = element("details", {}, element("summary", {}, title), element("div", { class: "sections" }, ...sections));
    if (i === 0) made.open = true;
    return made;
  });
}

function comparisons(cell) {
  const own = data.pairs[cell[1]].filter(pair => pair[0] === cell[0] || pair[1] === cell[0]);
  if (!own.length) return [];
  const signed = value => (value === null ? "–" : (value > 0 ? "+" : "") + value.toFixed(2));
  own.sort((a, b) => b.includes(data.baseline) - a.includes(data.baseline)); // what most readers look for first
  const rows = own.map(([row, other, difference, low, high, p, corrected, seeds]) => {
    const sign = row === cell[0] ? 1 : -1;
    const ends = low === null ? [null, null] : sign > 0 ? [low, high] : [-high, -low];
    return element("tr", corrected !== null && corrected < 0.05 ? { class: "distinct" } : {},
      element("th", { scope: "row" }, sign > 0 ? other : row), element("td", {}, signed(sign * difference)),
      element("td", {}, low === null ? "–" : `${signed(ends[0])} to ${signed(ends[1])}`), element("td", {}, chance(p)),
      element("td", {}, chance(corrected)), element("td", {}, String(seeds)));
  });
  const head = [["compared with", "text"], ["difference"], ["95 % interval"], ["p"], ["p, Holm"], ["seeds"]];
  const note = "In points; positive where this row is above the other. Holm: corrected for all pairs of this direction; bold below 0.05 (the mark ≈ of the table asks less: of one row and its rivals).";
  const tests = own.filter(pair => pair[8].length && pair[0] === cell[0]).map(pair => element("p", { class: "note" },
    `McNemar's exact test against ${pair[1]}, p by seed, uncorrected: ${pair[8].map(chance).join(", ")}.`));
  return [element("h3", {}, "Differences to the other rows"), table("Differences", head, rows, { class: "tests" }), element("p", { class: "note" }, note), ...tests];
}

function show() {
  const parts = location.hash.startsWith("#cell/") ? location.hash.slice(6).split("/") : [];
  let names = [];
  try { names = parts.map(decodeURIComponent); } catch { names = []; }
  const cell = data.cells.find(one => names.length === 4 && one[0] === names[0] && data.columns[one[1]].every((name, i) => name === names[i + 1]));
  if (!cell) {
    if (dialog.open) dialog.close();
    return;
  }
  const [dataset, teacher, student] = data.columns[cell[1]];
  document.getElementById("detail-title").textContent = `${cell[0]} on ${dataset}, ${teacher} → ${student}`;
  document.getElementById("detail-body").replaceChildren(
    element("p", { class: "note" }, "Test and validation in percent. The curve is what selects the epoch, its dot the epoch that was selected. A failed run's whole traceback is in runs/RUN/error.json."),
    ...runTable(cell), ...comparisons(cell), ...settingsOf(cell));
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  document.getElementById("detail-title").focus();
}

let before = null; // the number that was left for the dialog
document.addEventListener("click", event => {
  const button = event.target.closest("th button");
  if (button) sortBy(button);
  before = event.target.closest('a[href^="#cell/"]') ?? before;
});
document.getElementById("close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", event => { if (event.target === dialog) dialog.close(); });
dialog.addEventListener("close", () => {
  if (location.hash.startsWith("#cell/")) history.pushState(null, "", location.pathname + location.search);
  if (before) before.focus({ preventScroll: true });
});
async function unpack(image) {
  const { kind, packed } = image.dataset;
  try {
    const bytes = Uint8Array.from(atob(packed), character => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const content = await new Response(stream).arrayBuffer();
    image.src = URL.createObjectURL(new Blob([content], { type: kind }));
    image.removeAttribute("data-packed");
  } catch (error) {
    const text = `This browser cannot unpack the picture "${image.alt}": ${error.message}.`;
    image.replaceWith(element("p", { class: "warning" }, text));
  }
}

// All at once, so that the pictures are there when the page is printed, too.
for (const image of document.querySelectorAll("img[data-packed]")) unpack(image);
addEventListener("hashchange", show);
addEventListener("popstate", show);
show();
