"use strict";

/* The tape as the page carries it, and the moments at which the slider stops: each operator forward, in the order of
 * the tape, then each term that the sweep delivered, in the order of arrival. Names are looked up in Maps only and
 * become text nodes only. */
const Tape = (() => {
  const data = JSON.parse(document.getElementById("tape").textContent);
  const nodes = new Map(data.nodes.map((n) => [n.id, n]));
  const labels = new Map(Object.entries(data.labels).map(([id, names]) => [Number(id), names]));
  const terms = data.terms.map(([row, node, term, sender, slot, share, local, summed, bent]) =>
    ({ row, node, term, sender, slot, share, local, summed, bent }));
  const formulas = document.getElementById("formulas").content;

  const received = new Map(); // node: its terms, in order of arrival
  const sent = new Map(); // node: the terms it sends
  const targets = new Map(); // adjoint: the node it is the gradient of
  for (const t of terms) {
    for (const [map, key] of [[received, t.node], [sent, t.sender]]) {
      if (!map.has(key)) map.set(key, []);
      map.get(key).push(t);
    }
  }
  for (const n of nodes.values()) if (n.grad && !targets.has(n.grad)) targets.set(n.grad, n.id);

  /* What the output depends on; without a sweep, everything. */
  function needed() {
    if (!data.out) return new Set(nodes.keys());
    const set = new Set([data.out]);
    for (let id = data.out; id > 0; id--) {
      if (set.has(id)) for (const x of nodes.get(id).in) set.add(x);
    }
    return set;
  }

  function stops() {
    const forward = [...needed()].sort((a, b) => a - b).map((id) => nodes.get(id)).filter((n) => !n.leaf);
    const list = forward.map((n) => ({ backward: false, node: n.id, stage: n.stage, scope: n.scope || "" }));
    for (const t of terms) {
      const all = received.get(t.node), from = nodes.get(t.sender || t.node);
      const nth = all.indexOf(t);
      list.push({ backward: true, ...t, stage: from.stage, scope: from.scope || "", nth, of: all.length,
                  pending: all.slice(nth + 1).map((later) => later.sender) });
    }
    return list;
  }

  /* The library typesets a node without a name as t with its number, as the programs call it; on the page it is #6
   * everywhere, unless somebody is called t6. */
  const last = new Set([...nodes.values()].flatMap((n) => [n.name, ...(n.aka || [])])
    .map((name) => name.replace(/^.*\//s, "").replace("_", "")));
  function numbered(math) {
    for (const sub of math.querySelectorAll("msub")) {
      const [base, index] = [...sub.children].map((e) => e.textContent), n = nodes.get(Number(index));
      if (base === "t" && n && !n.name && !last.has(`t${index}`)) sub.replaceWith(h("mtext", null, `#${index}`));
    }
  }

  /* Typeset by the library; in a line of ours, but as large as in a display. */
  function inLine(math) {
    math.removeAttribute("display");
    math.setAttribute("displaystyle", "true");
    numbered(math);
    return math;
  }

  function typeset(key) {
    const math = formulas.getElementById(key)?.firstElementChild?.cloneNode(true);
    return math ? inLine(math) : null;
  }

  /* What a term delivers. The sender's gradient may have no name: then it is d(...) of what the sender computes, as on
   * its box, and not what it was made of, which the moment before has shown. */
  function delivery(t) {
    const grad = nodes.get(t.sender)?.grad, math = formulas.getElementById(`t${t.row}`)?.firstElementChild;
    if (!math) return null;
    const own = math.cloneNode(true);
    for (const sub of own.querySelectorAll("msub")) {
      const [base, index] = [...sub.children].map((e) => e.textContent);
      if (base === "t" && index === String(grad)) sub.replaceWith(gradientOf(t.sender));
    }
    return inLine(own);
  }

  function gradientOf(id) {
    const d = h("mi", { mathvariant: "normal" }, "d"), parts = sides(id);
    return parts ? h("mrow", null, d, h("mo", null, "("), ...parts.right, h("mo", null, ")"))
                 : h("mtext", null, gradientName(id));
  }

  /* Both sides of a node's formula. */
  function sides(id) {
    const parts = [...(typeset(`f${id}`)?.firstElementChild?.childNodes || [])];
    const equals = parts.findIndex((e) => e.nodeName === "mo" && e.textContent === "=");
    return equals > 0 ? { left: parts.slice(0, equals), right: parts.slice(equals + 1) } : null;
  }

  const name = (id) => nodes.get(id).name || `#${id}`;

  /* Short enough for a chip: a nameless number is itself, a nameless result its formula. */
  function label(id) {
    const n = nodes.get(id);
    return n.name || (n.formula.length < 28 && n.formula !== n.op ? n.formula : `#${id}`);
  }

  /* A node goes by several names where it is the gradient of several, or in several sweeps: the one that speaks of
   * `of`, in this sweep if there is one. */
  function alias(id, of, suffix) {
    const n = nodes.get(id), own = nodes.get(of).name;
    const wanted = own && own.replace(/[^/]*$/, (last) => `d${last}${suffix}`);
    const fit = wanted && [n.name, ...(n.aka || [])].filter((a) => a && (a === wanted || a.endsWith("/" + wanted)));
    return fit && (fit.find((a) => a.startsWith(`s${data.sweep}/`)) || fit[0]);
  }

  /* What the adjoint is called where it belongs to this node. */
  function gradientName(id) {
    const n = nodes.get(id);
    if (!n.grad) return "";
    if (!n.name) return label(id).startsWith("#") ? name(n.grad) : `d(${label(id)})`;
    return alias(n.grad, id, "") || name(n.grad);
  }

  function termName(t) {
    const all = received.get(t.node);
    if (all.length === 1) return gradientName(t.node);
    return alias(t.term, t.node, all.findIndex((other) => other.row === t.row) + 1) || label(t.term);
  }

  return {
    nodes, terms, labels, received, sent, targets, checks: data.checks, out: data.out, stops: stops(),
    name,
    label,
    gradientName,
    termName,
    formula: (id) => typeset(`f${id}`),
    delivery,
    /* The gradient's name typeset: d and the node's own name, behind what a later sweep puts in front, as in s2/dxmu.
     * Not for a node without a name or with a scope in front of it. */
    gradientSymbol: (id) => {
      const own = nodes.get(id).name, whole = gradientName(id), left = sides(id)?.left;
      if (!left || !/^[^/]+$/.test(own) || !whole.endsWith(`d${own}`)) return null;
      const front = whole.slice(0, -own.length - 1);
      return [front ? h("mtext", null, front) : null, h("mi", { mathvariant: "normal" }, "d"), ...left].filter(Boolean);
    },
  };
})();

/* An element: h("p", {class: "x"}, "text", child). Attributes only, never handlers or markup. */
function h(tag, attributes, ...children) {
  const space = h.spaces.get(tag);
  const e = space ? document.createElementNS(space, tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value !== false && value !== null && value !== undefined) e.setAttribute(key, value === true ? "" : value);
  }
  e.append(...children.filter((c) => c !== null && c !== undefined && c !== ""));
  return e;
}
h.spaces = new Map([
  ...["svg", "rect", "g", "path"].map((tag) => [tag, "http://www.w3.org/2000/svg"]),
  ...["math", "mrow", "mi", "mo", "mtext"].map((tag) => [tag, "http://www.w3.org/1998/Math/MathML"]),
]);
