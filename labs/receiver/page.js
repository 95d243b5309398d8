// Keeps the page as its server has it, without taking the focus or what is being typed. The server's
// HTML is put in place element by element, by ids, and only where it changed.
"use strict";

const PAUSE = 2000; // milliseconds from one look to the next
const served = new Map(); // each element's HTML as it was served, by its id

function spoken(seconds) {
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}

function tellTimes() {
  for (const time of document.querySelectorAll("time")) {
    const moment = new Date(time.dateTime), seconds = (Date.now() - moment) / 1000;
    const words = seconds >= 0 ? `${spoken(seconds)} ago` : `in ${spoken(-seconds)}`;
    const clock = Math.abs(seconds) < 72000 ? moment.toLocaleTimeString() : moment.toLocaleString();
    const text = `${clock} (${words})`;
    if (time.textContent !== text) time.textContent = text;
    time.title = moment.toLocaleString();
  }
}

function offerCopies() {
  if (!navigator.clipboard) return;
  for (const line of document.querySelectorAll(".command")) {
    if (line.querySelector("button")) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy ${line.textContent}`);
    button.id = `copy-${line.closest("article").id}-${[...line.closest("article").querySelectorAll(".command")].indexOf(line)}`;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(line.querySelector("code").textContent);
      button.textContent = "Copied";
    });
    line.append(button);
  }
}

// What a reader did to an element that is about to be replaced: opened, typed, chosen.
function kept(element) {
  const fields = [...element.querySelectorAll("input[id], select[id]")].map((one) => [one.id, one.value]);
  const open = [...element.querySelectorAll("details[open]")].map((one) => one.id);
  return () => {
    for (const [id, value] of fields) {
      const field = document.getElementById(id);
      if (field && (field.tagName !== "SELECT" || [...field.options].some((one) => one.value === value))) field.value = value;
    }
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  };
}

function fill(list, fresh) {
  const wanted = [...fresh.children];
  const ids = new Set(wanted.map((one) => one.id));
  for (const one of [...list.children]) if (!ids.has(one.id)) one.remove();
  wanted.forEach((one, place) => {
    const html = one.outerHTML;
    let here = [...list.children].find((each) => each.id === one.id);
    if (!here) {
      list.insertBefore(here = document.importNode(one, true), list.children[place] || null);
    } else if (served.get(one.id) !== html) {
      const restore = kept(here);
      here.replaceWith(here = document.importNode(one, true));
      restore();
    }
    if (list.children[place] !== here) list.insertBefore(here, list.children[place]);
    served.set(one.id, html);
  });
}

function take(fresh) {
  const focus = document.activeElement?.id;
  document.title = fresh.title;
  const state = document.getElementById("state"), now = fresh.getElementById("state");
  if (state.textContent !== now.textContent) state.textContent = now.textContent;
  state.className = now.className;
  for (const list of document.querySelectorAll(".list")) fill(list, fresh.getElementById(list.id));
  const trouble = document.getElementById("trouble"), told = fresh.getElementById("trouble");
  if (trouble?.textContent !== told?.textContent) {
    trouble?.remove();
    if (told) document.querySelector("main").prepend(document.importNode(told, true));
  }
  offerCopies();
  tellTimes();
  if (focus && document.activeElement?.id !== focus) document.getElementById(focus)?.focus({ preventScroll: true });
}

async function look() {
  let answers = true;
  try {
    const answer = await fetch("/", { cache: "no-cache", signal: AbortSignal.timeout(5000) });
    answers = answer.ok;
    if (answers) take(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    answers = false;
  }
  document.getElementById("silent").hidden = answers;
}

for (const one of document.querySelectorAll(".list > *")) served.set(one.id, one.outerHTML);
offerCopies();
tellTimes();
if (location.hash) document.getElementById(location.hash.slice(1))?.focus();
setInterval(tellTimes, 1000);
(async () => {
  for (;;) {
    await new Promise((done) => setTimeout(done, PAUSE));
    if (!document.hidden) await look();
  }
})();
