// A link #cell/METHOD/DATASET/LABELS/TEACHER/STUDENT opens the runs behind a number.
// Everything is put into the page as text; nothing is ever parsed as HTML.

const data = JSON.parse(document.getElementById("data").textContent);
const dialog = document.getElementById("detail");
const FIRST = 50; // runs shown at once

function element(name, attributes = {}, ...children) {
  const isDrawn = ["svg", "title", "polyline", "circle"].includes(name);
  const made = isDrawn ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function table(label, head, rows, attributes = {}) {
  const titles = head.map(([text, kind]) => element("th", { scope: "col", class: kind ?? "" }, text));
  const made = element("table", attributes, element("thead", {}, element("tr", {}, ...titles)), element("tbody", {}, ...rows));
  return element("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": label }, made);
}

function note(text) {
  return element("p", { class: "note" }, text);
}

function curve(values, best) {
  const points = values.map((y, i) => [i + 1, y]).filter(([, y]) => y !== null);
  if (!points.length) return "–";
  const ys = points.map(([, y]) => y);
  const [left, right, low, high] = [points[0][0], points.at(-1)[0], Math.min(...ys), Math.max(...ys)];
  const place = ([x, y]) =>
    [4 + (102 * (x - left)) / (right - left || 1), high === low ? 13 : 22 - (18 * (y - low)) / (high - low)].map(v => v.toFixed(1));
  const text = `validation from ${ys[0].toFixed(1)} to ${ys.at(-1).toFixed(1)}, epochs ${left} to ${right}`;
  const line = element("polyline", { points: points.map(point => place(point).join()).join(" ") });
  const chosen = points.filter(([x]) => x === best).map(place);
  const dots = chosen.map(([cx, cy]) => element("circle", { cx, cy, r: 2.6 }));
  const title = element("title", {}, text + (best ? `; epoch ${best} was selected` : ""));
  return element("svg", { class: "spark", viewBox: "0 0 110 26", role: "img", "aria-label": text }, title, line, ...dots);
}

function runRows(run, hasFolds) {
  const [test, validation, ...others] = run.values.map(value => element("td", {}, value));
  const cells = [
    element("th", { scope: "row" }, String(run.seed)),
    ...(hasFolds ? [element("td", {}, String(run.fold))] : []),
    element("td", { class: "text" }, element("span", { class: `state ${run.state.replace(" ", "-")}` }, run.state)),
    test, validation, element("td", { class: "text" }, curve(run.curve, run.best)), ...others,
  ];
  const extra = [];
  if (run.cause) extra.push(element("span", { class: "error" }, run.cause));
  if (run.id)
    extra.push(element("span", { class: "ids" }, "run ", element("code", {}, run.id),
      ...run.teachers.flatMap(([role, id]) => [`, ${role}: run `, element("code", {}, id)])));
  if (run.command)
    extra.push(element("details", {}, element("summary", {}, `Command that ${run.state === "done" ? "repeats" : "starts"} this run`),
      element("pre", { tabindex: "0" }, element("code", {}, run.command))));
  const below = element("td", { colspan: cells.length - 1 }, ...extra);
  return [element("tr", {}, ...cells), element("tr", { class: "extra" }, element("td"), below)];
}

function runTable(cell) {
  const head = [["seed", "text"], ...(cell.has_folds ? [["fold"]] : []), ["state", "text"], ["test"], ["validation"], ["curve", "text"],
    ["epoch"], ["seconds"], ["peak MB"], ["teacher's test"]];
  const rows = cell.runs.map(run => runRows(run, cell.has_folds));
  const made = table("Runs", head, rows.slice(0, FIRST).flat());
  if (rows.length <= FIRST) return [made];
  const more = element("button", { type: "button", class: "more" }, `Show the other ${rows.length - FIRST} runs`);
  more.addEventListener("click", () => {
    made.querySelector("tbody").append(...rows.slice(FIRST).flat());
    more.remove();
  });
  return [made, more];
}

function settingsOf(cell) {
  const used = [...new Set(cell.runs.map(run => run.settings).filter(place => place >= 0))];
  return used.map((place, i) => {
    const sections = data.settings[place].filter(([, pairs]) => pairs.length).map(([title, pairs]) => {
      const rows = pairs.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value === "" ? "–" : String(value))));
      return element("div", {}, element("h4", {}, title), element("dl", {}, ...rows));
    });
    const seeds = new Set(cell.runs.filter(run => run.settings === place).map(run => run.seed));
    const title = used.length > 1 ? `Settings of seeds ${[...seeds].join(", ")}` : "Settings";
    return element("details", i ? {} : { open: "" }, element("summary", {}, title), element("div", { class: "sections" }, ...sections));
  });
}

function comparisons(cell) {
  if (!cell.pairs.length) return [];
  const rows = cell.pairs.map(pair => {
    const [other, ...numbers] = pair.values;
    const cells = numbers.map(text => element("td", {}, text));
    return element("tr", pair.is_distinct ? { class: "distinct" } : {}, element("th", { scope: "row" }, other), ...cells);
  });
  const head = [["compared with", "text"], ["difference"], ["95 % interval"], ["p"], ["p, Holm"], ["seeds"]];
  return [
    element("h3", {}, "Differences to the other rows"), table("Differences", head, rows, { class: "tests" }),
    note("In points; positive where this row is above the other. Holm: corrected for all pairs of this direction, bold below 0.05 (the mark ≈ in the table is less strict: it is corrected only for one row and its rivals)."),
    ...(cell.mcnemar ? [note(`McNemar's exact test against ${cell.pairs[0].values[0]}, p by seed, uncorrected: ${cell.mcnemar}.`)] : []),
  ];
}

function show() {
  const cell = Object.hasOwn(data.cells, location.hash.slice(1)) ? data.cells[location.hash.slice(1)] : null;
  if (!cell) {
    if (dialog.open) dialog.close();
    return;
  }
  document.getElementById("detail-title").textContent = cell.title;
  document.getElementById("detail-body").replaceChildren(
    note("Test and validation in percent. The curve is the value that selects the epoch; the dot is the selected epoch. The full traceback of a failed run is in runs/RUN/error.json."),
    ...runTable(cell), ...comparisons(cell), ...settingsOf(cell));
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  document.getElementById("detail-title").focus();
}

// All parts of the page are closed at first: a link to one opens it, and printing opens all.
function openPart() {
  const part = document.getElementById(location.hash.slice(1));
  part?.querySelector(":scope > details")?.setAttribute("open", "");
}

let unprinted = [];
addEventListener("beforeprint", () => {
  unprinted = [...document.querySelectorAll("main details:not([open])")];
  for (const one of unprinted) one.open = true;
});
addEventListener("afterprint", () => { for (const one of unprinted) one.open = false; });

let before = null; // the number that was left for the dialog
document.addEventListener("click", event => { before = event.target.closest('a[href^="#cell/"]') ?? before; });
document.getElementById("close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", event => { if (event.target === dialog) dialog.close(); });
dialog.addEventListener("close", () => {
  if (location.hash.startsWith("#cell/")) history.pushState(null, "", location.pathname + location.search);
  if (before) before.focus({ preventScroll: true });
});
addEventListener("hashchange", show);
addEventListener("hashchange", openPart);
addEventListener("popstate", show);
show();
openPart();
