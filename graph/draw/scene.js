"use strict";

/* The circuit at a moment. What is computed stands in full ink, what comes later is faint; the current operator and
 * the wires it reads are marked, backward the wire along which the term flows; a gradient appears when all its terms
 * have arrived. Boxes fold (fold.js). */
const Scene = (() => {
  const frame = document.getElementById("circuit"), svg = frame.querySelector("svg");
  const gates = new Map(), wires = new Map(), boxes = new Map();
  const flows = h("g", { class: "flows" }); // above all other wires
  let marked = [], focused = 0, zoom = 1, now = 0;

  const number = (e, key) => Number(e.dataset[key]);
  for (const g of svg.querySelectorAll(".node")) gates.set(number(g, "node"), g);
  for (const g of svg.querySelectorAll(".cluster")) boxes.set(number(g, "cluster"), g);
  for (const wire of svg.querySelectorAll(".wire")) {
    if (wire.dataset.source) wires.set(`${wire.dataset.source}>${wire.dataset.to}`, wire);
  }

  /* All pieces of the wire from a node to one of its consumers, through the borders of the boxes between them. */
  function chain(source, consumer) {
    const pieces = [];
    let to = String(consumer);
    for (let i = 0; i < 64; i++) {
      const piece = wires.get(`${source}>${to}`);
      if (!piece) break;
      pieces.push(piece);
      const end = /^(border|cluster)(\d+)$/.exec(piece.dataset.from);
      if (!end) break;
      to = (end[1] === "border" ? "cluster" : "border") + end[2];
    }
    return pieces;
  }

  /* The element that stands for a node: its own, or the folded box that it is in. */
  const standIn = (id) => (id ? Circuit.boxOf(id) : null);

  /* ------------------------------------------------------------------------------------------------- in time */

  const computed = new Map(), complete = new Map(); // node: the moment
  Tape.stops.forEach((m, i) => {
    if (!m.backward) computed.set(m.node, i + 1);
    else if (m.nth === m.of - 1) complete.set(m.node, i + 1);
  });

  function mark(e, ...classes) {
    if (!e) return;
    e.classList.add(...classes);
    marked.push([e, classes]);
  }

  function unmark() {
    for (const [e, classes] of marked) e.classList.remove(...classes);
    marked = [];
  }

  /* Only what has changed since the moment before is touched. */
  let from = 0;
  const timed = (moments, state) => [...moments].map(([id, k]) => [k, gates.get(id), state]);
  const order = [...timed(computed, "later"), ...timed(complete, "waiting")].filter(([, e]) => e)
    .sort((a, b) => a[0] - b[0]);
  for (const [, e, state] of order) e.classList.add(state);
  const later = new Map();
  for (const [key, wire] of wires) {
    const source = Number(key.split(">")[0]);
    if (!computed.has(source)) continue;
    wire.classList.add("later");
    if (!later.has(source)) later.set(source, []);
    later.get(source).push(wire);
  }

  function set(entry, off) {
    const [, e, state] = entry;
    e.classList.toggle(state, off);
    if (state === "later") for (const wire of later.get(number(e, "node")) || []) wire.classList.toggle("later", off);
  }

  function move(k) {
    while (from < order.length && order[from][0] <= k) set(order[from++], false);
    while (from > 0 && order[from - 1][0] > k) set(order[--from], true);
  }

  /* Scrolls until both can be seen, or where they are too far apart the first. */
  function reveal(elements, calm) {
    const view = frame.getBoundingClientRect(), rects = elements.map((e) => e.getBoundingClientRect());
    if (!rects.length) return;
    const apart = (side) => rects.length > 1 && Math.abs(rects[0][side] - rects[1][side]);
    if (apart("left") > view.width - 200 || apart("top") > view.height - 80) rects.length = 1;
    const left = Math.min(...rects.map((r) => r.left)), right = Math.max(...rects.map((r) => r.right));
    const top = Math.min(...rects.map((r) => r.top)), bottom = Math.max(...rects.map((r) => r.bottom));
    const room = 60;
    let x = 0, y = 0;
    if (left < view.left + room || right > view.right - room) x = (left + right - view.left - view.right) / 2;
    if (top < view.top + room / 2 || bottom > view.bottom - room / 2) y = (top + bottom - view.top - view.bottom) / 2;
    if (x || y) frame.scrollBy({ left: x, top: y, behavior: calm ? "auto" : "smooth" });
  }

  const draw = (pieces, kind) => pieces.filter((wire) => wire.getAttribute("display") !== "none")
    .map((wire) => h("path", { class: `wire ${kind}`, d: wire.getAttribute("d") }));

  function show(k, calm) {
    const m = Tape.stops[k - 1];
    now = k;
    unmark();
    move(k);
    const active = m.backward && m.sender ? m.sender : m.node, operands = Tape.nodes.get(active).in;
    if (m.backward) {
      flows.replaceChildren(...(m.sender ? draw(chain(m.node, m.sender), "flow") : []));
      mark(standIn(m.sender), "sending");
      mark(standIn(m.node), "receiving");
      m.pending.forEach((id) => mark(standIn(id), "pending"));
      if (m.pending.length === 0) mark(gates.get(m.node), "arrived");
    } else {
      flows.replaceChildren(...operands.flatMap((x) => draw(chain(x, m.node), "reading")));
      mark(standIn(m.node), "now");
    }
    const ends = [standIn(m.node), m.backward ? standIn(m.sender) : null].filter(Boolean);
    Overview.mark(ends, m.backward ? "backward" : "forward");
    reveal(ends, calm);
  }

  /* Larger or smaller, the moment stays in sight. */
  function resize(to) {
    scale(to);
    const m = Tape.stops[now - 1];
    if (m) reveal([standIn(m.node), m.backward ? standIn(m.sender) : null].filter(Boolean), true);
  }

  let chosen = null;
  /* A gradient has no place of its own: it stands below the value it belongs to. */
  function choose(id, look, calm) {
    if (chosen) chosen.classList.remove("chosen");
    chosen = standIn(id) || standIn(Tape.targets.get(id));
    if (chosen) chosen.classList.add("chosen");
    if (chosen && look) reveal([chosen], calm);
    if (gates.has(id)) focusable(id);
  }

  /* ------------------------------------------------------------------------------------------ keys and mouse */

  function focusable(id) {
    gates.get(focused)?.setAttribute("tabindex", "-1");
    gates.get(id)?.setAttribute("tabindex", "0");
    focused = id;
  }

  function walk(by) {
    const visible = [...gates.keys()].filter((id) => standIn(id) === gates.get(id)).sort((a, b) => a - b);
    const next = visible[visible.indexOf(focused) + by];
    if (next === undefined) return;
    focusable(next);
    gates.get(next).focus();
  }

  const tell = (id) => dispatchEvent(new CustomEvent("tapegrad-choose", { detail: id }));

  function onKey(event) {
    const g = event.target.closest(".node, .cluster");
    if (!g) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") walk(event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "Enter") press(g);
    else return;
    event.preventDefault();
  }

  function press(g) {
    if (g.classList.contains("node")) return tell(number(g, "node"));
    if (!g.querySelector(".sign")) return;
    Circuit.toggle(number(g, "cluster"));
    redrawn();
  }

  function signs() {
    for (const [id, g] of boxes) {
      if (g.querySelector(".sign")) g.setAttribute("aria-expanded", String(!g.classList.contains("folded")));
    }
  }

  function prepare() {
    svg.setAttribute("role", "group");
    for (const [id, g] of gates) {
      const n = Tape.nodes.get(id);
      g.setAttribute("role", "button");
      g.setAttribute("tabindex", "-1");
      g.setAttribute("aria-label", n.leaf ? `${Tape.name(id)}, ${n.op}` : `${Tape.name(id)} = ${n.formula}`);
    }
    for (const g of boxes.values()) {
      if (!g.querySelector(".sign")) continue;
      g.setAttribute("role", "button");
      g.setAttribute("tabindex", "0");
      g.setAttribute("aria-label", g.querySelector(".name").textContent);
    }
    const first = Math.min(...gates.keys());
    if (gates.has(first)) focusable(first);
    svg.addEventListener("keydown", onKey);
    svg.addEventListener("click", (event) => {
      const e = event.target, g = e.closest(".node") || (e.closest(".sign, .name") && e.closest(".cluster"));
      if (g) press(g);
    });
    signs();
  }

  /* -------------------------------------------------------------------------------------------------- size */

  function scale(to) {
    zoom = Math.min(3, Math.max(.1, to));
    const box = svg.viewBox.baseVal;
    svg.setAttribute("width", Math.round(box.width * zoom));
    svg.setAttribute("height", Math.round(box.height * zoom));
    Overview.scroll();
  }

  const height = () => parseFloat(getComputedStyle(frame).maxHeight) || innerHeight / 2;
  const whole = () => Math.min(frame.clientWidth / svg.viewBox.baseVal.width, height() / svg.viewBox.baseVal.height);

  /* All of it where that can still be read; otherwise as high as there is room, and the rest by scrolling. */
  function fit() {
    const box = svg.viewBox.baseVal;
    const all = whole();
    scale(Math.min(1.1, all >= .7 ? all : Math.max(.8, (height() - 10) / box.height)));
  }

  function redrawn() {
    scale(zoom);
    Overview.draw();
    signs();
    if (now) show(now, true);
  }

  function tools() {
    const bar = h("div", { id: "zoom", role: "group", "aria-label": "Size of the circuit" });
    const button = (text, label, action) => {
      const b = h("button", { type: "button", "aria-label": label }, text);
      b.addEventListener("click", action);
      bar.append(b);
    };
    button("−", "Smaller", () => resize(zoom / 1.25));
    button("+", "Larger", () => resize(zoom * 1.25));
    button("All", "All of the circuit", () => scale(Math.min(1.1, whole())));
    if ([...boxes.values()].some((g) => g.querySelector(".sign"))) {
      button("Fold", "Fold all scopes", () => (Circuit.foldAll(), redrawn()));
      button("Unfold", "Unfold all scopes", () => (Circuit.unfoldAll(), redrawn()));
    }
    document.getElementById("tools").prepend(bar);
  }

  Circuit.start(svg, JSON.parse(document.getElementById("grid").textContent));
  const top = svg.querySelector(":scope > .node");
  if (top) top.before(flows);
  prepare();
  frame.hidden = gates.size === 0;
  if (gates.size) tools();
  fit();
  Overview.draw();
  const keys = [["↑ ↓", "in the circuit: through its nodes"], ["Enter", "in the circuit: choose, fold, unfold"]];
  return { show, choose, keys };
})();
