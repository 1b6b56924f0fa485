"use strict";
// Exchanges the parts of a page whose files have changed, and keeps what its reader has done to them: sorting, filters, what is open, what is hidden.
// It knows no data but what stands in the page.
(() => {
  const body = document.body;
  const live = document.getElementById("live");
  const parts = new Map();
  // Groups that are hidden in charts, by name: their numbers change when others come.
  const hidden = new Set();

  // ---- what the reader has done -------------------------------------------------------------------------------------------------------------

  const keep = (root) => ({
    filters: [...root.querySelectorAll("[data-filter]")].filter((i) => i.value).map((i) => [i.dataset.filter, i.value]),
    sorts: [...root.querySelectorAll("th[aria-sort]")].map((th) => [th.closest("table").id, th.cellIndex, th.ariaSort]),
    details: [...root.querySelectorAll("details")].map((d) => [d.querySelector("summary").textContent, d.open]),
    boxes: [...root.querySelectorAll("input[type=checkbox]:checked")].map((box) => box.value),
    scrolls: [...root.querySelectorAll(".scroll, .log")].map((s) => [s.scrollTop, s.scrollLeft, s.scrollTop + s.clientHeight >= s.scrollHeight - 4]),
    at: root.querySelector("tr.at a")?.getAttribute("href"),
    focus: root.contains(document.activeElement) ? document.activeElement : null,
  });

  const restore = (root, kept) => {
    for (const [id, column, way] of kept.sorts) {
      const button = document.getElementById(id)?.tHead.rows[0].cells[column]?.querySelector("button");
      for (let k = 0; k < 2 && button && button.parentElement.ariaSort !== way; k++) button.click();
    }
    for (const [id, value] of kept.filters) {
      const input = root.querySelector(`[data-filter="${CSS.escape(id)}"]`);
      if (!input) continue;
      input.value = value;
      input.dispatchEvent(new Event("input"));
    }
    const open = new Map(kept.details);
    for (const details of root.querySelectorAll("details")) {
      const was = open.get(details.querySelector("summary").textContent);
      if (was !== undefined) details.open = was;
    }
    for (const box of root.querySelectorAll("input[type=checkbox]")) box.checked = kept.boxes.includes(box.value);
    [...root.querySelectorAll(".scroll, .log")].forEach((s, i) => {
      const [top, left, end] = kept.scrolls[i] ?? [0, 0, true];
      s.scrollLeft = left;
      // Who reads the end of a log goes on reading the end.
      s.scrollTop = s.matches(".log") && end ? s.scrollHeight : top;
    });
    if (kept.at) root.querySelector(`tr a[href="${CSS.escape(kept.at)}"]`)?.closest("tr").classList.add("at");
    const { focus } = kept;
    if (focus) {
      const again = focus.dataset.filter ? root.querySelector(`[data-filter="${CSS.escape(focus.dataset.filter)}"]`)
        : focus.dataset.name !== undefined ? [...root.querySelectorAll(".keys button")].find((b) => b.dataset.name === focus.dataset.name)
        : focus.closest?.("figure")?.id ? document.getElementById(focus.closest("figure").id)?.querySelector("svg[tabindex]")
        : focus.matches("a[href]") ? root.querySelector(`a[href="${CSS.escape(focus.getAttribute("href"))}"]`) : null;
      again?.focus({ preventScroll: true });
    }
    choose();
  };

  const exchange = (old, html) => {
    const kept = keep(old);
    const holder = document.createElement("template");
    holder.innerHTML = html;
    const fresh = holder.content.firstElementChild;
    old.replaceWith(fresh);
    restore(fresh, kept);
  };

  // ---- what has changed ---------------------------------------------------------------------------------------------------------------------

  const get = async (link) => {
    const answer = await fetch(link, { headers: { Accept: "text/html" } });
    return { ok: answer.ok, status: answer.status, text: await answer.text() };
  };

  const refreshPage = async () => {
    const { ok, status, text } = await get(body.dataset.here);
    if (!ok) {
      say("off", status === 404 ? "no longer there" : "not allowed any more: open the printed address again");
      return;
    }
    const fresh = new DOMParser().parseFromString(text, "text/html");
    // So many runs have changed that it takes a moment.
    if (fresh.getElementById("reading")) setTimeout(refresh, 1000);
    for (const part of fresh.querySelectorAll("[data-part]")) {
      if (parts.get(part.id) === part.outerHTML) continue;
      parts.set(part.id, part.outerHTML);
      const old = document.getElementById(part.id);
      if (old) exchange(old, part.outerHTML);
    }
    times();
    const stamp = fresh.getElementById("drawn")?.dataset.stamp;
    if (stamp !== undefined) await draw(stamp);
  };

  const draw = async (stamp) => {
    const place = document.getElementById("drawn");
    if (!place || (place.dataset.stamp === stamp && place.dataset.done)) return;
    place.classList.add("old");
    const began = performance.now();
    const { ok, text } = await get(place.dataset.src);
    place.classList.remove("old");
    if (!ok) return;
    const kept = keep(place);
    place.innerHTML = text;
    place.dataset.stamp = stamp;
    place.dataset.done = "1";
    charts(place);
    restore(place, kept);
    // What takes long is asked for less often, so that training keeps its processors.
    calm = Math.min(60000, 3 * (performance.now() - began));
  };

  let calm = 0;
  let busy = false;
  let again = false;
  const refresh = async () => {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    do {
      again = false;
      try {
        await refreshPage();
      } catch {
        // The server is gone; the stream of events says so, and when it is back.
      }
      if (calm > 1500) await new Promise((done) => setTimeout(done, calm));
    } while (again);
    busy = false;
  };

  const say = (state, words) => {
    live.className = state;
    live.textContent = words;
  };

  const concerns = (change) => {
    const { experiment, run } = body.dataset;
    if (run) return change.experiment === experiment && (!change.run || change.run === run);
    if (change.log) return false;
    return !experiment || change.experiment === experiment;
  };

  let stream = null;
  let waiting = 0;
  const listen = () => {
    clearTimeout(waiting);
    stream?.close();
    stream = new EventSource("/events");
    // Whatever happened while nobody listened is asked for.
    stream.addEventListener("hello", () => {
      say("on", "live");
      refresh();
    });
    stream.addEventListener("message", (event) => {
      if (concerns(JSON.parse(event.data))) refresh();
    });
    stream.addEventListener("error", () => {
      say("off", "server gone; trying again");
      // A browser that has given up is made to go on.
      if (stream.readyState === EventSource.CLOSED) waiting = setTimeout(listen, 1000);
    });
  };
  // A browser has few connections to one server: a page that nobody sees gives its own back.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      clearTimeout(waiting);
      stream?.close();
      stream = null;
    } else if (!stream) {
      listen();
    }
  });

  const times = () => {
    const now = Date.now() / 1000;
    for (const time of document.querySelectorAll("time[data-at]")) {
      const ago = Math.max(0, now - Number(time.dataset.at));
      const [n, unit] = ago < 100 ? [ago, "s"] : ago < 5400 ? [ago / 60, "min"] : ago < 172800 ? [ago / 3600, "h"] : [ago / 86400, "days"];
      time.textContent = `${Math.round(n)} ${unit} ago`;
    }
  };

  // ---- charts -------------------------------------------------------------------------------------------------------------------------------

  const digits = (value) => {
    const size = Math.abs(value);
    return size >= 100 ? value.toFixed(1) : size >= 0.001 || size === 0 ? value.toFixed(4) : value.toExponential(2);
  };

  const cell = (row, text, tag = "td") => {
    const made = document.createElement(tag);
    made.textContent = text;
    row.append(made);
    return made;
  };

  // The frame in units of the drawing, and the epochs at its ends.
  const frame = (svg) => {
    const ends = svg.querySelector("[data-plot]")?.dataset.plot.split(" ").map(Number);
    return ends && { left: ends[0], right: ends[1], top: ends[2], bottom: ends[3], first: ends[4], last: ends[5] };
  };

  const show = (figure, curves, epoch) => {
    const svg = figure.querySelector("svg:not(.sw)");
    const plot = frame(svg);
    hide(figure);
    const visible = curves.filter((curve) => !hidden.has(curve.name));
    const rows = visible.map((curve) => [curve, curve.val.find((p) => p[0] === epoch), curve.train.find((p) => p[0] === epoch)]);
    const some = rows.filter((row) => row[1] || row[2]);
    if (!some.length) return;
    figure.dataset.epoch = epoch;
    const x = plot.left + ((epoch - plot.first) / (plot.last - plot.first)) * (plot.right - plot.left);
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    line.setAttribute("class", "cross");
    line.setAttribute("d", `M${x} ${plot.top}V${plot.bottom}`);
    svg.append(line);
    const tip = document.createElement("div");
    tip.className = "tip";
    const table = document.createElement("table");
    const head = table.createTHead().insertRow();
    for (const words of ["", `epoch ${epoch}`, "validation", "training"]) cell(head, words, "th");
    const tbody = table.createTBody();
    for (const [curve, val, train] of some) {
      const row = tbody.insertRow();
      row.insertCell().append(mark(curve));
      cell(row, curve.name);
      cell(row, val ? digits(val[1]) + (val[3] > val[2] ? ` (${digits(val[2])} to ${digits(val[3])})` : "") : "–");
      cell(row, train ? digits(train[1]) : "–");
    }
    tip.append(table);
    figure.append(tip);
    const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    const at = x * scale;
    const room = figure.clientWidth - tip.offsetWidth;
    tip.style.left = `${Math.max(0, Math.min(room, at > room ? at - tip.offsetWidth - 12 : at + 12))}px`;
    tip.style.top = `${svg.getBoundingClientRect().top - figure.getBoundingClientRect().top + 24}px`;
  };

  const hide = (figure) => {
    figure.querySelector(".tip")?.remove();
    figure.querySelector(".cross")?.remove();
  };

  const mark = (curve) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", `sw sw${curve.color}`);
    svg.setAttribute("viewBox", "-32 -32 64 64");
    svg.setAttribute("aria-hidden", "true");
    const dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    dot.setAttribute("r", "24");
    svg.append(dot);
    return svg;
  };

  const toggle = () => {
    for (const figure of document.querySelectorAll("figure[data-curves]")) {
      hide(figure);
      for (const curve of figure.curves) {
        for (const drawn of figure.querySelectorAll(`[data-group="${curve.group}"]`)) drawn.classList.toggle("gone", hidden.has(curve.name));
      }
    }
    for (const button of document.querySelectorAll(".keys button")) button.ariaPressed = String(!hidden.has(button.dataset.name));
  };

  const charts = (root) => {
    const figures = [...root.querySelectorAll("figure[data-curves]")];
    for (const figure of figures) {
      const curves = (figure.curves = JSON.parse(figure.dataset.curves));
      const svg = figure.querySelector("svg");
      const plot = frame(svg);
      if (!plot || !curves.length) continue;
      const last = Math.max(1, ...curves.flatMap((curve) => [...curve.val, ...curve.train].map((p) => p[0])));
      svg.setAttribute("tabindex", "0");
      svg.addEventListener("pointermove", (event) => {
        const box = svg.getBoundingClientRect();
        const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
        const epoch = plot.first + ((x - plot.left) / (plot.right - plot.left)) * (plot.last - plot.first);
        if (x < plot.left - 20 || x > plot.right + 20) hide(figure);
        else show(figure, curves, Math.max(1, Math.min(last, Math.round(epoch))));
      });
      svg.addEventListener("pointerleave", () => hide(figure));
      svg.addEventListener("blur", () => hide(figure));
      svg.addEventListener("keydown", (event) => {
        const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
        if (event.key === "Escape") hide(figure);
        if (step === undefined) return;
        event.preventDefault();
        const now = Number(figure.dataset.epoch ?? (step > 0 ? 0 : last + 1));
        show(figure, curves, Math.max(1, Math.min(last, now + step)));
      });
    }
    const curves = figures.map((figure) => figure.curves).find((all) => all?.length > 1);
    if (curves) {
      const keys = document.createElement("div");
      keys.className = "keys";
      keys.setAttribute("role", "group");
      keys.setAttribute("aria-label", "Groups that charts of epochs show");
      for (const curve of curves) {
        const button = document.createElement("button");
        button.type = "button";
        button.dataset.name = curve.name;
        button.append(mark(curve), ` ${curve.name}`);
        button.addEventListener("click", () => {
          if (!hidden.delete(curve.name)) hidden.add(curve.name);
          toggle();
        });
        keys.append(button);
      }
      figures[0].parentElement.before(keys);
    }
    toggle();
  };

  // ---- side by side, keys -------------------------------------------------------------------------------------------------------------------

  const choose = () => {
    const button = document.getElementById("compare");
    if (!button) return;
    const count = document.querySelectorAll("input[name=run]:checked").length;
    button.disabled = count < 2 || count > 8;
    button.textContent = count ? `Side by side: ${count} chosen${count > 8 ? ", at most eight" : ""}` : "Side by side: choose two to eight";
  };
  addEventListener("change", choose);

  const rows = () => [...document.querySelectorAll("#list tbody tr, #now tbody tr")].filter((row) => !row.hidden);
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input[type=search]")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const all = rows();
    const at = all.findIndex((row) => row.matches(".at"));
    if (event.key === "/") document.querySelector("[data-filter=list], [data-filter=now], [data-filter]")?.focus();
    else if (event.key === "u") [...document.querySelectorAll("nav a")].at(-1)?.click();
    else if ((event.key === "j" || event.key === "k") && all.length) {
      const next = all[Math.max(0, Math.min(all.length - 1, at + (event.key === "j" ? 1 : -1)))];
      all[at]?.classList.remove("at");
      next.classList.add("at");
      next.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && at >= 0 && !event.target.matches("a, button, summary, input")) all[at].querySelector("a")?.click();
    else return;
    event.preventDefault();
  });

  for (const part of document.querySelectorAll("[data-part]")) parts.set(part.id, part.outerHTML);
  for (const log of document.querySelectorAll(".log")) log.scrollTop = log.scrollHeight;
  times();
  setInterval(() => document.hidden || times(), 1000);
  choose();
  if (document.hidden) say("off", "paused while hidden");
  else listen();
  refresh();
})();
