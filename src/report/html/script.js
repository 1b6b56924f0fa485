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
  // While runs go on the page is read again, and shows what it showed: place, filters, sorting and what is open.
  const seconds = Number(document.documentElement.dataset.refresh);
  const KEY = `umlaut ${location.pathname}`;
  const filters = () => [...document.querySelectorAll("[data-filter]")];
  const details = () => [...document.querySelectorAll("details")];
  const words = (of) => of.querySelector("summary").textContent;
  const keep = () => {
    const sorted = [...document.querySelectorAll("[aria-sort]")].map((head) => {
      return [head.closest("table").id, head.cellIndex, head.getAttribute("aria-sort")];
    });
    const open = details().filter((of) => of.open).map(words);
    const filtered = filters().map((input) => [input.dataset.filter, input.value]);
    return JSON.stringify({ x: scrollX, y: scrollY, sorted, open, filtered });
  };
  const restore = ({ x, y, sorted, open, filtered }) => {
    for (const [id, column, direction] of sorted) {
      const table = document.getElementById(id);
      if (!table || !table.tHead.rows[0].cells[column]) continue;
      sort(table, column);
      if (direction === "descending") sort(table, column);
    }
    for (const of of details()) of.open = open.includes(words(of));
    for (const [id, value] of filtered) {
      const input = filters().find((input) => input.dataset.filter === id);
      if (!input || !value) continue;
      input.value = value;
      input.dispatchEvent(new Event("input"));
    }
    scrollTo(x, y);
  };
  try {
    const kept = sessionStorage.getItem(KEY);
    sessionStorage.removeItem(KEY);
    if (kept) restore(JSON.parse(kept));
  } catch { /* A browser that keeps nothing shows the page from its top. */ }
  if (seconds > 0) {
    const busy = () => document.hidden || document.activeElement?.matches("input") || String(getSelection());
    setInterval(() => {
      // Whoever types or marks words is not disturbed.
      if (busy()) return;
      try { sessionStorage.setItem(KEY, keep()); } catch { /* as above */ }
      location.reload();
    }, 1000 * seconds);
  }
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
