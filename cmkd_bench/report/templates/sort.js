"use strict";
// A click on a column's title sorts the table; cells without a value stay at the end.

function compareTexts(x, y) {
  const [a, b] = [x, y].map(text => parseFloat(text.replace("< ", "")));
  return isNaN(a) || isNaN(b) ? x.localeCompare(y, "en", { numeric: true }) : a - b;
}

function sortBy(head) {
  const body = head.closest("table").tBodies[0];
  const key = row => {
    const cell = row.cells[head.cellIndex];
    const text = cell.dataset.value ?? cell.textContent;
    return text === "–" ? "" : text;
  };
  const now = head.getAttribute("aria-sort") ?? (head.classList.contains("text") ? "descending" : "ascending");
  const next = now === "descending" ? "ascending" : "descending";
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", next);
  const sign = next === "descending" ? -1 : 1;
  const order = (x, y) => (x === "" || y === "" ? (x === "") - (y === "") : sign * compareTexts(x, y));
  body.append(...[...body.rows].sort((a, b) => order(key(a), key(b))));
}

document.addEventListener("click", event => {
  const button = event.target.closest("th button");
  if (button) sortBy(button.parentElement);
});
