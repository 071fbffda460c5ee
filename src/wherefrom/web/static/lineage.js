// The drawing of a lineage: it opens in place, and arrow keys walk it. Without this, links do.
"use strict";

const holder = document.getElementById("lineage");

// Where something stands in the drawing, whatever part of it is in view.
function viewed(box) {
  const drawing = box.querySelector("svg.lineage");
  return drawing && { drawing, view: drawing.viewBox.baseVal, scroller: drawing.parentElement };
}

// What is there keeps its place on the screen when more comes left of it or above it.
async function open(link) {
  const before = viewed(holder);
  const matrix = before.drawing.getScreenCTM();
  const part = new URL(link, location.href);
  part.searchParams.set("part", "drawing");
  const answer = await fetch(part, { headers: { Accept: "text/html" } });
  if (!answer.ok) return location.assign(link);
  const made = new DOMParser().parseFromString(await answer.text(), "text/html");
  holder.replaceChildren(...made.getElementById("lineage").childNodes);
  const after = viewed(holder);
  const now = after.drawing.getScreenCTM();
  // The drawing's own origin, on the screen: where it was, and where it is.
  after.scroller.scrollLeft += now.e - matrix.e;
  after.scroller.scrollTop += now.f - matrix.f;
  history.pushState(null, "", link);
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
    const box = start.getBoundingClientRect();
    const frame = scroller.getBoundingClientRect();
    scroller.scrollLeft += box.x + box.width / 2 - frame.x - frame.width / 2;
    scroller.scrollTop += box.y + box.height / 2 - frame.y - frame.height / 2;
  }
}
