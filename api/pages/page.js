"use strict";
// The only script of the pages: it follows changes, searches while one types, and
// copies names. It inserts nothing but pages that the server made.
(() => {
  // Milliseconds between two readings of the page, which is shown at once only if there
  // is news in it, and between two that are shown.
  const minPause = 1000, maxPause = 5000, share = 10;
  const main = document.getElementById("main"), lost = document.getElementById("lost"), field = document.getElementById("q");
  let reading = null, shown = Date.now(), took = 0;

  const addCopiers = () => {
    for (const code of main.querySelectorAll("code.copy")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copier";
      button.textContent = "Copy";
      button.setAttribute("aria-label", "Copy " + code.textContent);
      button.addEventListener("click", async () => {
        try {
          await navigator.clipboard.writeText(code.textContent);
          button.textContent = "Copied";
        } catch { // without HTTPS the clipboard cannot be written: select the text
          getSelection().selectAllChildren(code);
          button.textContent = "Selected";
        }
      });
      code.after(button);
    }
  };

  // What has the focus is found again by what it is and where it leads.
  const markOf = (e) => e && main.contains(e) && e !== main ? e.tagName + (e.id || e.getAttribute("href") || e.getAttribute("aria-label") || "") : "";

  const health = (page) => { const e = page.querySelector("#health"); return e ? e.textContent : ""; };

  const show = (html, always) => {
    const next = new DOMParser().parseFromString(html, "text/html").getElementById("main");
    if (!next || !always && health(next).replace(/\d/g, "") === health(main).replace(/\d/g, "")) return;
    shown = Date.now();
    const active = document.activeElement;
    const mark = markOf(active);
    const left = [...main.querySelectorAll(".scroll")].map((e) => e.scrollLeft);
    if (main.contains(active) && active.tagName === "INPUT") return;
    main.replaceChildren(...next.childNodes);
    addCopiers();
    main.querySelectorAll(".scroll").forEach((e, i) => { e.scrollLeft = left[i] || 0; });
    if (mark) {
      const again = [...main.querySelectorAll("a, button, [tabindex]")].find((e) => markOf(e) === mark);
      if (again) again.focus({ preventScroll: true });
    }
  };

  const read = async (address, always) => {
    const began = Date.now();
    if (reading) reading.abort();
    const mine = reading = new AbortController();
    try {
      const answer = await fetch(address, { signal: mine.signal });
      const html = await answer.text();
      if (mine !== reading) return false;
      took = Date.now() - began;
      lost.hidden = true;
      if ((answer.headers.get("Content-Type") || "").startsWith("text/html") && answer.status !== 503) show(html, always);
      return true;
    } catch (e) {
      if (mine === reading && e.name !== "AbortError" && lost.hidden) {
        lost.textContent = "Toponym has not answered since " + new Date().toLocaleTimeString() + ": this page may be old.";
        lost.hidden = false;
      }
      return false;
    }
  };

  // The page is read again after a change, and every few seconds, because not all
  // that it shows is a change of names.
  let changed = false, last = Date.now();
  const selecting = () => !getSelection().isCollapsed;
  const refresh = () => {
    const due = Date.now() - last;
    if (document.hidden || selecting() || due < Math.max(minPause, share * took)) return;
    const always = changed || Date.now() - shown >= maxPause;
    changed = false;
    last = Date.now();
    read(location.href, always);
  };

  // Searching while one types.
  let timer = 0;
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const text = field.value.trim();
      if (!text) return;
      const address = "/?q=" + encodeURIComponent(text);
      history.replaceState(null, "", address);
      last = Date.now();
      read(address, true);
    }, 200);
  });
  document.addEventListener("keydown", (e) => {
    if (e.key === "/" && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName) && !e.ctrlKey && !e.metaKey && !e.altKey) {
      e.preventDefault();
      field.focus();
      field.select();
    }
  });

  addCopiers();
  const watch = document.body.dataset.watch;
  if (watch) {
    const source = new EventSource(watch);
    for (const kind of ["change", "reset"]) source.addEventListener(kind, () => { changed = true; });
    addEventListener("pagehide", () => source.close());
    setInterval(refresh, 250);
  } else if (document.querySelector("#health")) {
    setInterval(refresh, 1000);
  }
})();
