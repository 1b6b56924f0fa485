"use strict";
(() => {
  const value = (row, column) => {
    const cell = row.cells[column];
    const told = cell.dataset.sort ?? cell.textContent.trim();
    const number = Number(told);
    return told === "" || Number.isNaN(number) ? told : number;
  };
  // Numbers by value, words by the alphabet with numbers in them by value, what is missing last in both directions.
  const order = (a, b, sign) => {
    const missing = (v) => v === "" || v === "–";
    if (missing(a) || missing(b)) return missing(a) - missing(b);
    if (typeof a === "number" && typeof b === "number") return sign * (a - b);
    return sign * String(a).localeCompare(String(b), "en", { numeric: true });
  };
  const sort = (table, column) => {
    const heads = table.tHead.rows[0].cells;
    const up = heads[column].getAttribute("aria-sort") !== "ascending";
    for (const head of heads) head.removeAttribute("aria-sort");
    heads[column].setAttribute("aria-sort", up ? "ascending" : "descending");
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [value(row, column), row]);
    rows.sort((a, b) => order(a[0], b[0], up ? 1 : -1));
    body.append(...rows.map((row) => row[1]));
  };
  const filter = (input) => {
    const rows = [...document.getElementById(input.dataset.filter).tBodies[0].rows];
    const count = document.querySelector(`[data-count="${input.dataset.filter}"]`);
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    count.textContent = words.length ? `${shown} of ${rows.length} rows` : "";
  };
  // Tables that come later are sorted and filtered too.
  addEventListener("click", (event) => {
    const button = event.target.closest?.("th button");
    if (button) sort(button.closest("table"), button.parentElement.cellIndex);
  }, true);
  addEventListener("input", (event) => {
    if (event.target.matches?.("[data-filter]")) filter(event.target);
  }, true);
  // What one reads is printed; complete inputs, which lie in run.toml, only where they are open.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open], .input)")];
    for (const details of opened) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of opened) details.open = false;
  });
})();
