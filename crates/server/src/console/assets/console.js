// Small help for pages that work without it: local times, questions before acts, and live regions.
"use strict";

const languageTag = document.documentElement.lang;
const body = document.body;

// Instants in the reader's own time zone; the original stays as the title.
function localTimes(root) {
  const format = new Intl.DateTimeFormat(languageTag === "es" ? "es" : "sv-SE", {
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" });
  for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const instant = new Date(time.dateTime);
    if (isNaN(instant)) continue;
    time.textContent = format.format(instant);
    time.dataset.local = "";
  }
}

// A form with `data-ask` asks before it is sent.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const dialog = document.getElementById("ask");
  if (!form.dataset.ask || form.dataset.asked || !dialog) return;
  event.preventDefault();
  const submitter = event.submitter;
  dialog.querySelector("p").textContent = form.dataset.ask;
  dialog.returnValue = "no";
  dialog.onclose = () => {
    if (dialog.returnValue !== "yes") return;
    form.dataset.asked = "yes";
    form.requestSubmit(submitter || undefined);
    delete form.dataset.asked;
  };
  dialog.showModal();
});

// A control with `data-submits` sends its form when it changes.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});

// `data-copy="#id"` copies a text, or what stands at an address (`data-copy-from`).
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-from]");
  if (!button) return;
  const from = button.dataset.copyFrom;
  const text = from ? await (await fetch(from)).text() : document.querySelector(button.dataset.copy).textContent;
  await navigator.clipboard.writeText(text);
  const name = button.textContent;
  button.textContent = button.dataset.copied || "✓";
  setTimeout(() => { button.textContent = name; }, 1500);
});

// The rows of a table that are shown are sorted by a click on a head; a live update keeps the order.
const sorted = new Map();
function cellText(row, column) {
  const cell = row.cells[column];
  return cell?.querySelector("time")?.dateTime || cell?.textContent.trim() || "";
}
function sortRows(table) {
  const order = sorted.get(table.caption?.textContent);
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    head.setAttribute("aria-sort", order?.column === column ? (order.down ? "descending" : "ascending") : "none");
  });
  if (!order) return;
  const compare = new Intl.Collator(languageTag, { numeric: true }).compare;
  const rows = [...table.tBodies[0].rows].sort((one, other) => compare(cellText(one, order.column), cellText(other, order.column)));
  table.tBodies[0].append(...(order.down ? rows.reverse() : rows));
}
function sortableTables(root) {
  for (const table of root.querySelectorAll("table[data-sorts]")) {
    if (table.tBodies[0]?.rows.length < 2) continue;
    for (const head of table.tHead.rows[0].cells) {
      if (head.querySelector("button") || !head.textContent) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
    }
    sortRows(table);
  }
}
document.addEventListener("click", (event) => {
  const head = event.target.closest("table[data-sorts] th");
  if (!head) return;
  const table = head.closest("table"), name = table.caption?.textContent, column = head.cellIndex;
  const before = sorted.get(name);
  sorted.set(name, { column, down: before?.column === column && !before.down });
  sortRows(table);
});

// A form with `data-upload` sends its file to the API and shows how far it is; a file may also be dropped on it.
for (const form of document.querySelectorAll("form[data-upload]")) {
  const progress = form.querySelector("progress"), output = form.querySelector("output"), input = form.elements.file;
  form.addEventListener("dragover", (event) => { event.preventDefault(); form.classList.add("over"); });
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    if (event.dataTransfer.files.length) input.files = event.dataTransfer.files;
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const file = input.files[0];
    if (!file) return;
    const request = new XMLHttpRequest();
    request.open("POST", `${form.dataset.upload}${form.elements.kind.value}?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("Content-Type", "text/csv");
    request.setRequestHeader("X-Ticketbridge-Seal", body.dataset.seal);
    progress.hidden = false;
    request.upload.onprogress = (step) => { progress.value = step.total ? 100 * step.loaded / step.total : 0; };
    request.onloadend = () => {
      progress.hidden = true;
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { /* said below */ }
      const told = answer.files?.map((one) => `${one.name}: ${one.outcome}${one.why ? `. ${one.why}` : ""}`).join("\n");
      output.textContent = request.status >= 200 && request.status < 300
        ? told || form.dataset.done : `${form.dataset.failed}: ${answer.detail || request.status || ""} ${answer.what_to_do || ""}`;
    };
    request.send(file);
  });
}

// What was done is said once: a reload of the page does not say it again.
if (document.querySelector("[data-notice]")) {
  const here = new URL(location.href);
  here.searchParams.delete("notice");
  history.replaceState(null, "", here);
}

// Live: after an event the page is read anew, and the regions marked `data-live` that differ are put in place of the old
// ones. At most once a second, not while the page is hidden, and never under somebody's hands.
const live = document.getElementById("live");
const types = body.dataset.liveTypes;
let wanted = false, reading = false, source = null;

function inUse(region) {
  const active = document.activeElement;
  return region.contains(active) && active.matches("input, select, textarea") || document.querySelector("dialog[open]");
}

async function readAnew() {
  if (reading || document.hidden) { wanted = true; return; }
  reading = true; wanted = false;
  try {
    const answer = await fetch(location.href, { headers: { "X-Ticketbridge-Live": "1" } });
    if (answer.redirected && new URL(answer.url).pathname !== location.pathname) { location.reload(); return; }
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const old of document.querySelectorAll("[data-live]")) {
      const fresh = page.getElementById(old.id);
      if (!fresh || inUse(old)) continue;
      localTimes(fresh);
      sortableTables(fresh);
      if (fresh.innerHTML === old.innerHTML) continue;
      const open = new Set([...old.querySelectorAll("details[open][id]")].map((details) => details.id));
      const scrolled = [...old.querySelectorAll(".frame")].map((frame) => frame.scrollLeft);
      const focused = old.contains(document.activeElement) ? document.activeElement.id || document.activeElement.getAttribute("href") : null;
      old.replaceChildren(...fresh.childNodes);
      open.forEach((id) => { const details = document.getElementById(id); if (details) details.open = true; });
      old.querySelectorAll(".frame").forEach((frame, index) => { frame.scrollLeft = scrolled[index] || 0; });
      if (focused) [...old.querySelectorAll("a, button")].find((one) => one.id === focused || one.getAttribute("href") === focused)?.focus();
    }
    document.dispatchEvent(new CustomEvent("ticketbridge:live"));
  } catch { /* the connection is gone: the event source says so, and comes back */ } finally {
    setTimeout(() => { reading = false; if (wanted) readAnew(); }, 1000);
  }
}

function say(on) {
  live.className = on ? "on" : "off";
  live.textContent = on ? live.dataset.on : live.dataset.off;
}

if (types && live && "EventSource" in window) {
  // From where the page was read on: what happened before this listens is not missed.
  source = new EventSource(`/api/v1/events?types=${encodeURIComponent(types)}&after=${encodeURIComponent(body.dataset.liveAfter)}`);
  let broken = false;
  source.onopen = () => { say(true); if (broken) readAnew(); broken = false; };
  source.onerror = () => { say(false); broken = true; };
  for (const type of [...types.split(","), "reset"]) {
    source.addEventListener(type, (event) => {
      document.dispatchEvent(new CustomEvent(`ticketbridge:${type}`, { detail: event.data }));
      readAnew();
    });
  }
  // A page's own script asks for this when it lets a region go on.
  document.addEventListener("ticketbridge:read", readAnew);
  document.addEventListener("visibilitychange", () => { if (!document.hidden && wanted) readAnew(); });
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
}

localTimes(document);
sortableTables(document);
