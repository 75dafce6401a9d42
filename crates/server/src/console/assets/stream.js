// The Stream Viewer's own tools: freeze, clear and find. They work on what the page shows; the server knows nothing of them.
"use strict";

(() => {
  const region = document.getElementById("exchanges");
  const tools = document.getElementById("stream-tools");
  if (!region || !tools) return;
  const freeze = tools.querySelector("[data-freeze]");
  const clear = tools.querySelector("[data-clear]");
  const find = tools.querySelector("[data-find]");
  const count = tools.querySelector("output");
  let clearedUpTo = 0;

  const rows = () => [...region.querySelectorAll("tr[data-id]")];
  const number = (row) => Number(row.dataset.id);

  // Hides what was cleared away and what does not hold the text. Numbers of exchanges ascend, so what comes later is shown.
  function show() {
    const text = find.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows()) {
      row.hidden = number(row) <= clearedUpTo || (text !== "" && !row.textContent.toLowerCase().includes(text));
      if (!row.hidden) shown += 1;
    }
    count.textContent = text !== "" || clearedUpTo > 0 ? `${shown} / ${rows().length}` : "";
  }

  function press(button, on) {
    button.setAttribute("aria-pressed", on ? "true" : "false");
    button.textContent = on ? button.dataset.on : button.dataset.off;
  }

  freeze.addEventListener("click", () => {
    // Only regions with this attribute are read anew.
    const frozen = region.toggleAttribute("data-live") === false;
    press(freeze, frozen);
    if (!frozen) document.dispatchEvent(new CustomEvent("ticketbridge:read"));
  });

  clear.addEventListener("click", () => {
    clearedUpTo = clearedUpTo > 0 ? 0 : Math.max(0, ...rows().map(number));
    press(clear, clearedUpTo > 0);
    show();
  });

  find.addEventListener("input", show);
  document.addEventListener("ticketbridge:live", show);
  tools.hidden = false;
})();
