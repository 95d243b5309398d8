// Keeps a page as its server has it: when something changed that the page shows, the same address is
// fetched again, and each element with an id below a [data-live] one is put in place where its HTML
// differs; the focus, what is being typed and what is open stay. A hidden page holds no stream, and
// looks again when it is shown. Where the address has become another page, as that of an error, that
// one takes the place of the whole until the first is back.
"use strict";

const RETRY = 2000; // milliseconds until a lost stream is asked for again
const served = new Map(); // each live element's HTML as it was served, by its id
const aside = new Map(); // the pages that this one was before, as their reader left them, by template
let stream = null;
let looking = false;
let again = false;

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
    const text = time.hasAttribute("data-clock") ? clock : time.hasAttribute("data-ago") ? words : `${clock} (${words})`;
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
    if (line.id) button.id = `copy-${line.id}`;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(line.querySelector("code").textContent);
      button.textContent = "Copied";
    });
    line.append(button);
  }
}

// What a reader did to an element that is about to be replaced: opened, typed, chosen, scrolled.
function kept(element) {
  const inside = (selector) => [...(element.matches(selector) ? [element] : []), ...element.querySelectorAll(selector)];
  const fields = inside("input[id]:not([type=hidden]), select[id], textarea[id]").map((one) => [one.id, one.value, one.checked, one.selectionStart, one.selectionEnd]);
  const details = inside("details[id]").map((one) => [one.id, one.open]);
  const scrolled = inside("[data-tail][id]").map((one) => [one.id, one.scrollTop, atEnd(one)]);
  return () => {
    for (const [id, value, checked, start, end] of fields) {
      const field = document.getElementById(id);
      if (!field) continue;
      if (field.tagName !== "SELECT" || [...field.options].some((one) => one.value === value)) field.value = value;
      if (checked !== undefined) field.checked = checked;
      if (Number.isInteger(start)) field.setSelectionRange(start, end);
    }
    for (const [id, open] of details) document.getElementById(id)?.toggleAttribute("open", open);
    for (const [id, top, end] of scrolled) {
      const place = document.getElementById(id);
      if (place) place.scrollTop = end ? place.scrollHeight : top;
    }
  };
}

const atEnd = (element) => element.scrollHeight - element.scrollTop - element.clientHeight < 40;

// The live parts, each by its id: a list's own children where they have ids, so that little moves.
function fill(here, fresh) {
  if (here.hasAttribute("data-list")) {
    const wanted = [...fresh.children];
    const ids = new Set(wanted.map((one) => one.id));
    for (const one of [...here.children]) if (!ids.has(one.id)) one.remove();
    wanted.forEach((one, place) => {
      let old = [...here.children].find((each) => each.id === one.id);
      if (!old) here.insertBefore(old = document.importNode(one, true), here.children[place] || null);
      else old = swap(old, one);
      served.set(one.id, one.outerHTML);
      if (here.children[place] !== old) here.insertBefore(old, here.children[place]);
    });
    return;
  }
  swap(here, fresh);
}

function swap(old, fresh) {
  const html = fresh.outerHTML;
  if (served.get(fresh.id) === html) return old;
  served.set(fresh.id, html);
  const restore = kept(old);
  const replacement = document.importNode(fresh, true);
  old.replaceWith(replacement);
  restore();
  return replacement;
}

function note(root) {
  for (const one of root.querySelectorAll("[data-live]")) {
    if (one.hasAttribute("data-list")) for (const each of one.children) served.set(each.id, each.outerHTML);
    else served.set(one.id, one.outerHTML);
  }
}

// Returns what gives the focus back: to the same id, else to the same link, else to the same place
// below the nearest element that has an id.
function focused() {
  const one = document.activeElement, home = one?.closest("[id]");
  if (!home) return () => {};
  const all = () => [...document.getElementById(home.id)?.querySelectorAll("a, button, input, select, textarea, summary, [tabindex]") ?? []];
  const href = one.getAttribute("href"), place = all().indexOf(one);
  return () => {
    if (document.activeElement === one) return;
    const wanted = one.isConnected ? one : one === home ? document.getElementById(home.id) : all().find((each) => href && each.getAttribute("href") === href) ?? all()[place];
    wanted?.focus({ preventScroll: true });
  };
}

// Become the page that the address has now, if it is drawn by another template than this one.
function turn(fresh) {
  const main = document.getElementById("main"), now = fresh.getElementById("main");
  const before = main.dataset.page, page = now.dataset.page;
  if (page === before) return;
  aside.set(before, { nodes: [...main.childNodes], focus: document.activeElement.id });
  main.dataset.page = page;
  const back = aside.get(page);
  if (back) {
    main.replaceChildren(...back.nodes);
    if (document.activeElement === document.body) document.getElementById(back.focus)?.focus({ preventScroll: true });
  } else {
    main.replaceChildren(...[...now.childNodes].map((one) => document.importNode(one, true)));
    note(main);
  }
  showTails();
}

// The texts that are said aloud when they change: the attribute's, or else the element's own.
function said() {
  return new Map([...document.querySelectorAll("[data-announce]")].map((one) => [one.id, one.dataset.announce || one.textContent.trim()]));
}

function announce(before) {
  const news = [...said()].filter(([id, text]) => before.has(id) && before.get(id) !== text).map(([, text]) => text);
  if (news.length) document.getElementById("announced").textContent = news.join(". ");
}

function take(fresh) {
  const refocus = focused(), before = said();
  turn(fresh);
  if (document.title !== fresh.title) document.title = fresh.title;
  for (const here of document.querySelectorAll("[data-live]")) {
    const now = fresh.getElementById(here.id);
    if (now) fill(here, now);
  }
  announce(before);
  offerCopies();
  tellTimes();
  refocus();
  const { topics } = fresh.body.dataset; // none of a page that cannot tell what it waits for
  if (!topics || topics === document.body.dataset.topics) return;
  document.body.dataset.topics = topics;
  if (stream) {
    hush();
    listen();
  }
}

async function fetched() {
  try {
    const answer = await fetch(location.href, { cache: "no-cache", signal: AbortSignal.timeout(20000) });
    return await answer.text();
  } catch {
    // The stream says whether the console answers; one that does, and is slow, is asked again.
    setTimeout(() => { if (stream) look(); }, RETRY);
    return "";
  }
}

async function look() {
  if (looking) {
    again = true;
    return;
  }
  looking = true;
  try {
    do {
      again = false;
      const fresh = new DOMParser().parseFromString(await fetched(), "text/html");
      if (fresh.getElementById("main")?.dataset.page) take(fresh); // else it is none of the console's
    } while (again);
  } finally {
    looking = false;
  }
}

function listen() {
  const { stream: where, topics, number } = document.body.dataset;
  if (!topics || document.hidden || stream) return;
  stream = new EventSource(`${where}?topics=${encodeURIComponent(topics)}&since=${document.body.dataset.since || number}`);
  stream.addEventListener("open", () => { document.getElementById("silent").hidden = true; });
  stream.addEventListener("changed", (event) => {
    document.body.dataset.since = event.data;
    look();
  });
  stream.addEventListener("error", () => {
    document.getElementById("silent").hidden = false;
    hush();
    setTimeout(listen, RETRY);
  });
}

function hush() {
  stream?.close();
  stream = null;
}

// A page that nobody saw may have missed anything, also the end of who looked for it.
function wake() {
  if (!document.body.dataset.topics || document.hidden) return;
  listen();
  look();
}

function showTails() {
  for (const place of document.querySelectorAll("[data-tail]")) place.scrollTop = place.scrollHeight;
}

document.addEventListener("visibilitychange", () => document.hidden ? hush() : wake());
addEventListener("pagehide", hush);
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const button of document.querySelectorAll("button[data-pressed]")) {
    delete button.dataset.pressed;
    button.disabled = false;
  }
  wake();
});
document.addEventListener("submit", (event) => {
  // A second press would be a second commit.
  for (const button of event.target.querySelectorAll("button:enabled")) {
    setTimeout(() => { button.disabled = true; button.dataset.pressed = ""; });
  }
});

note(document);
offerCopies();
tellTimes();
showTails();
setInterval(tellTimes, 1000);
listen();
