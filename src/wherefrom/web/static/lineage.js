// The drawing of a lineage: it opens in place, and arrow keys walk it. Without this, links do.
"use strict";

const holder = document.getElementById("lineage");

function viewed(box) {
  const drawing = box.querySelector("svg.lineage");
  return drawing && { drawing, view: drawing.viewBox.baseVal, scroller: drawing.parentElement };
}

// Opens more in place. What is there stays where it is on the screen, at the size it has, though
// more comes left of it or above it.
async function open(link) {
  const matrix = viewed(holder).drawing.getScreenCTM();
  const part = new URL(link, location.href);
  part.searchParams.set("part", "drawing");
  const answer = await fetch(part, { headers: { Accept: "text/html" } });
  if (!answer.ok) return location.assign(link);
  const made = new DOMParser().parseFromString(await answer.text(), "text/html");
  holder.replaceChildren(...made.getElementById("lineage").childNodes);
  keep(viewed(holder), matrix);
  // On its own page, the address is what is drawn; on others it is theirs.
  if (location.pathname.startsWith("/lineage/")) history.pushState(null, "", link);
}

function keep({ drawing, view, scroller }, matrix) {
  drawing.classList.add("wide");
  scroller.classList.remove("from-right");
  sized(drawing, view, matrix.a);
  const now = drawing.getScreenCTM();
  const x = room(scroller.scrollLeft + now.e - matrix.e, scroller.scrollWidth - scroller.clientWidth);
  const y = room(scroller.scrollTop + now.f - matrix.f, scroller.scrollHeight - scroller.clientHeight);
  // Where there is not so much to scroll through, there is more paper.
  view.x -= x.before / matrix.a;
  view.y -= y.before / matrix.a;
  view.width += (x.before + x.after) / matrix.a;
  view.height += (y.before + y.after) / matrix.a;
  sized(drawing, view, matrix.a);
  scroller.scrollLeft = x.to;
  scroller.scrollTop = y.to;
}

function sized(drawing, view, scale) {
  drawing.setAttribute("width", view.width * scale);
  drawing.setAttribute("height", view.height * scale);
}

function room(wanted, most) {
  return { to: Math.max(0, wanted), before: Math.max(0, -wanted), after: Math.max(0, wanted - most) };
}

if (holder && viewed(holder)) {
  holder.addEventListener("click", (event) => {
    const link = event.target.closest("a.group, a.more");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    const href = link.getAttribute("href");
    const token = link.dataset.open;
    open(href).then(() => {
      const again = token && holder.querySelector(`[data-open="${token}"]`);
      if (again) again.focus({ preventScroll: true });
    });
  });
  addEventListener("popstate", () => location.reload());

  // Arrow keys go to the nearest box on that side.
  holder.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const here = document.activeElement.closest && document.activeElement.closest("svg.lineage a");
    if (!way || !here || event.ctrlKey || event.metaKey || event.altKey) return;
    const from = here.getBoundingClientRect();
    let best = null;
    let nearest = Infinity;
    for (const one of holder.querySelectorAll("svg.lineage a.n")) {
      const box = one.getBoundingClientRect();
      const x = box.x + box.width / 2 - from.x - from.width / 2;
      const y = box.y + box.height / 2 - from.y - from.height / 2;
      const along = x * way[0] + y * way[1];
      const across = Math.abs(x * way[1]) + Math.abs(y * way[0]);
      if (one === here || along < 4) continue;
      const far = along + 3 * across;
      if (far < nearest) { nearest = far; best = one; }
    }
    if (best) {
      event.preventDefault();
      best.focus();
      best.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  });

  // What was asked for is in view.
  const start = holder.querySelector("svg.lineage .start");
  if (start) {
    const { scroller } = viewed(holder);
    scroller.classList.remove("from-right");
    const box = start.getBoundingClientRect();
    const frame = scroller.getBoundingClientRect();
    scroller.scrollLeft += box.x + box.width / 2 - frame.x - frame.width / 2;
    scroller.scrollTop += box.y + box.height / 2 - frame.y - frame.height / 2;
  }
}
