// What a page can do beyond being read. Everything here has a way without it.
"use strict";

// The theme: the system's, or the one that was chosen.
const theme = document.querySelector("button.theme");
theme.hidden = false;
theme.addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.theme); } catch { /* for this page only */ }
});

// The keyboard: "/" finds, "j" and "k" go through the lines of a page, "g" and a letter to a page.
const places = { h: "/", i: "/incidents", r: "/running", c: "/changes", g: "/gaps", p: "/policies", l: "/log" };
let going = false;
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || drawer.open) return;
  if (event.target.matches("input, textarea, select")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (going) {
    going = false;
    if (places[event.key]) location.assign(places[event.key] + asOf());
    return;
  }
  if (event.key === "/") {
    event.preventDefault();
    document.getElementById("q").focus();
  } else if (event.key === "g") {
    going = true;
    setTimeout(() => { going = false; }, 1500);
  } else if (event.key === "j" || event.key === "k") {
    const lines = [...document.querySelectorAll("main tbody tr a:first-of-type, main .hops a.id")];
    const at = lines.indexOf(document.activeElement);
    const next = event.key === "j" ? Math.min(at + 1, lines.length - 1) : Math.max(at - 1, 0);
    if (lines[next]) lines[next].focus();
  }
});

function asOf() {
  const size = new URLSearchParams(location.search).get("as_of");
  return size ? "?as_of=" + size : "";
}

// The evidence drawer: a record beside the page that names it. Its link leads to the whole page.
const drawer = document.createElement("dialog");
drawer.className = "drawer";
drawer.setAttribute("aria-label", "Evidence");
document.body.append(drawer);
document.addEventListener("click", async (event) => {
  const link = event.target.closest("a.entry");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) {
    if (event.target === drawer) drawer.close();
    return;
  }
  event.preventDefault();
  const part = new URL(link.href);
  part.searchParams.set("part", "evidence");
  const answer = await fetch(part);
  if (!answer.ok) { location.assign(link.href); return; }
  drawer.innerHTML = await answer.text();
  const more = document.createElement("p");
  const whole = more.appendChild(document.createElement("a"));
  whole.href = link.href;
  whole.textContent = "The whole record, with its proof";
  const close = more.appendChild(document.createElement("button"));
  close.type = "button";
  close.textContent = "Close";
  close.addEventListener("click", () => drawer.close());
  drawer.append(more);
  if (!drawer.open) drawer.showModal();
});

// The live tail: where a page speaks of the log as it is now, it says when the log has grown.
const live = document.querySelector("[data-live]");
if (live && !asOf() && window.EventSource) {
  const source = new EventSource("/live");
  source.addEventListener("log", (event) => {
    const told = JSON.parse(event.data);
    const number = live.querySelector("b");
    if (number) number.textContent = told.size;
    const into = document.querySelector("[data-part]");
    if (into) refresh(into);
  });
  addEventListener("pagehide", () => source.close());
}

let asked = 0;
async function refresh(into) {
  const mine = ++asked;
  const link = new URL(location.href);
  link.searchParams.set("part", into.dataset.part);
  const answer = await fetch(link, { headers: { Accept: "text/html" } });
  if (answer.ok && mine === asked) into.innerHTML = await answer.text();
}

// What takes long is asked for once the page is there; its link leads to the same.
for (const box of document.querySelectorAll("[data-load]")) {
  fetch(box.dataset.load).then(async (answer) => {
    const found = answer.ok ? (await answer.text()).trim() : "";
    if (found && box.matches("li")) box.outerHTML = found; // one line stood for several
    else if (found) box.innerHTML = found;
  }, () => { /* the link stays */ });
}

// Verify a checkpoint here: the note's signature with WebCrypto, under the key beside it.
for (const box of document.querySelectorAll(".verify")) {
  box.hidden = false;
  const says = box.querySelector("output");
  box.querySelector("button").addEventListener("click", async () => {
    says.textContent = "…";
    try {
      const at = await verifyCheckpoint(await (await fetch("/checkpoint")).text(), box.dataset.vkey);
      says.textContent = `✓ signed: ${at.origin} has ${at.size} entries, root ${at.root}`;
      says.className = "good";
    } catch (error) {
      says.textContent = "✗ " + error.message;
      says.className = "bad";
    }
  });
}

// C2SP signed-note and tlog-checkpoint; Ed25519 keys (type 1).
async function verifyCheckpoint(note, vkey) {
  const [name, hash, key] = splitKey(vkey);
  if (key[0] !== 1) throw new Error("this key is not Ed25519; wherefrom log audit checks it");
  const cut = note.lastIndexOf("\n\n");
  const text = note.slice(0, cut + 1);
  const line = note.slice(cut + 2).split("\n").find((one) => {
    const parts = one.split(" ");
    return parts[0] === "—" && parts[1] === name && hex(bytes(parts[2]).slice(0, 4)) === hash;
  });
  if (!line) throw new Error("the checkpoint is not signed by this key");
  const given = bytes(line.split(" ")[2]).slice(4);
  const made = await crypto.subtle.importKey("raw", key.slice(1), "Ed25519", false, ["verify"]);
  if (!await crypto.subtle.verify("Ed25519", made, given, new TextEncoder().encode(text))) {
    throw new Error("the signature does not fit: this checkpoint was changed");
  }
  const [origin, size, root] = text.split("\n");
  return { origin, size, root };
}

function splitKey(vkey) {
  const [name, hash, ...rest] = vkey.split("+");
  return [name, hash, bytes(rest.join("+"))];
}

function bytes(text) {
  return Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
}

function hex(some) {
  return [...some].map((one) => one.toString(16).padStart(2, "0")).join("");
}
