"use strict";
(() => {
  const table = document.getElementById("all");
  const body = table && table.tBodies[0];
  if (!body) return;
  const rows = Array.from(body.rows);
  const find = document.getElementById("find");
  const shown = document.getElementById("shown");
  const key = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.v === undefined ? cell.textContent : cell.dataset.v;
  };
  const compare = (a, b) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    const x = Number(a), y = Number(b);
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
  };
  table.querySelectorAll("th button").forEach((button) => {
    button.addEventListener("click", () => {
      const head = button.parentElement, column = head.cellIndex;
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const sorted = rows.map((row) => [key(row, column), row]);
      sorted.sort((a, b) => {
        const order = compare(a[0], b[0]);
        // What has no value stays at the end, whichever way.
        return a[0] === "" || b[0] === "" ? order : down ? -order : order;
      });
      body.append(...sorted.map((pair) => pair[1]));
    });
  });
  find.addEventListener("input", () => {
    const wanted = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !wanted.every((word) => text.includes(word));
      count += !row.hidden;
    }
    shown.textContent = wanted.length ? `${count} of ${rows.length}` : "";
  });
})();
