"use strict";

/* The whole circuit as a strip under the part that can be seen: where the moment is, and where to scroll. For the eye
 * and the mouse; keys do the same in the circuit. */
const Overview = (() => {
  const frame = document.getElementById("circuit"), svg = frame.querySelector("svg");
  const strip = h("svg", { class: "overview", preserveAspectRatio: "none", "aria-hidden": "true" });
  const blocks = new Map(), view = h("rect", { class: "view" });
  let marked = [];

  const at = (e) => /translate\((-?[\d.]+),(-?[\d.]+)\)/.exec(e.getAttribute("transform")).slice(1).map(Number);

  function block(e, kind) {
    const [x, y] = at(e), own = e.querySelector("rect");
    const rect = h("rect", { class: kind, x, y, width: own.getAttribute("width"), height: own.getAttribute("height") });
    blocks.set(e, rect);
    return rect;
  }

  function draw() {
    const seen = (e) => e.getAttribute("display") !== "none";
    blocks.clear();
    strip.setAttribute("viewBox", svg.getAttribute("viewBox"));
    strip.replaceChildren(...[...svg.querySelectorAll(".cluster")].filter(seen).map((e) =>
      block(e, e.classList.contains("folded") ? "folded" : "outline")),
      ...[...svg.querySelectorAll(".node")].filter(seen).map((e) => block(e, "gate")), view);
    scroll();
  }

  /* The strip is of no use where everything can be seen. */
  function scroll() {
    if (frame.hidden) return;
    const box = svg.viewBox.baseVal, k = box.width / svg.clientWidth;
    strip.toggleAttribute("hidden", frame.scrollWidth <= frame.clientWidth + 1);
    view.setAttribute("x", frame.scrollLeft * k);
    view.setAttribute("y", frame.scrollTop * k);
    view.setAttribute("width", frame.clientWidth * k);
    view.setAttribute("height", frame.clientHeight * k);
  }

  function mark(elements, kind) {
    for (const rect of marked) rect.classList.remove("forward", "backward");
    marked = elements.map((e) => blocks.get(e)).filter(Boolean);
    for (const rect of marked) rect.classList.add(kind);
  }

  function drag(event) {
    if (event.buttons !== 1) return;
    const rect = strip.getBoundingClientRect();
    frame.scrollLeft = ((event.clientX - rect.left) / rect.width) * frame.scrollWidth - frame.clientWidth / 2;
    frame.scrollTop = ((event.clientY - rect.top) / rect.height) * frame.scrollHeight - frame.clientHeight / 2;
  }

  frame.after(strip);
  frame.addEventListener("scroll", scroll, { passive: true });
  addEventListener("resize", scroll);
  strip.addEventListener("pointerdown", drag);
  strip.addEventListener("pointermove", drag);
  return { draw, scroll, mark };
})();
