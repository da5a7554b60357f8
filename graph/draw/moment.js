"use strict";

/* One moment in words and as a calculation: forward, operands and result; backward, upstream gradient, local
 * derivative and contribution, what it is added to, and what has yet to arrive. */
const Moment = (() => {
  const sentence = document.getElementById("sentence"), calculation = document.getElementById("calculation");

  const step = (m) =>
    (m.stage >= 0 ? `step ${m.stage}` : "unnamed step") + (m.scope && ` of ${m.scope.replace(/\/$/, "")}`);
  const list = (ids) => ids.map((id) => (id ? Tape.label(id) : "the seed")).join(", ");

  function tell(m) {
    const n = Tape.nodes.get(m.node);
    if (!m.backward) return `Forward, ${step(m)}: ${Tape.name(m.node)} = ${n.formula} is computed.`;
    const gradient = Tape.gradientName(m.node);
    if (!m.sender) return `Backward begins: ${gradient} is the seed.`;
    const which = m.of === 1 ? "its only term" : `term ${m.nth + 1} of ${m.of}`;
    const then = m.pending.length ? `still pending: ${list(m.pending)}` : `${gradient} is complete`;
    const bent = m.bent ? `, mutated (${m.bent})` : "";
    return `Backward, ${step(m)}: ${Tape.label(m.sender)} sends ${Tape.label(m.node)} ${which}${bent}; ${then}.`;
  }

  /* dxmu += ..., the right side as the library has typeset it. */
  function equation(m) {
    if (!m.backward) return Panel.formula(m.node);
    const sign = m.of > 1 ? "+=" : "=";
    const symbol = Tape.gradientSymbol(m.node);
    const gradient = symbol ? h("mrow", { class: "gradient" }, ...symbol)
                            : h("mtext", { class: "gradient" }, Tape.gradientName(m.node));
    const left = [gradient, h("mo", null, sign)];
    const right = m.sender ? Tape.delivery(m) : null;
    if (right) return h("math", { displaystyle: "true" }, h("mrow", null, ...left, ...right.childNodes));
    const text = Tape.nodes.get(m.term).formula;
    return m.sender ? h("code", null, `${Tape.gradientName(m.node)} ${sign} ${text}`)
                    : h("math", null, h("mrow", null, ...left, h("mtext", null, text === "const" ? "1" : text)));
  }

  /* The forward values that a term is made of besides the upstream gradient: what the local derivative reads. */
  function reads(m) {
    const upstream = Tape.nodes.get(m.sender).grad, found = new Set(), seen = new Set();
    const open = [m.term];
    while (open.length && seen.size < 100) {
      const id = open.pop();
      if (id === upstream || seen.has(id)) continue;
      seen.add(id);
      const n = Tape.nodes.get(id);
      if (id <= Tape.out) {
        if (!(n.leaf && !n.name)) found.add(id);
      } else {
        open.push(...n.in);
      }
    }
    return [...found];
  }

  /* What the upstream gradient g is multiplied with: -ivar*ivar of -g*ivar*ivar. What is no product is said as it
   * is: g repeated along the axes. */
  function factor(text) {
    let depth = 0, product = true;
    for (const c of text) {
      depth += "([".includes(c) - ")]".includes(c);
      product &&= depth > 0 || c !== " ";
    }
    const before = /^(.+)\*g(\/.+)?$/.exec(text), after = /^(-?)g(?:([*/])(.+))?$/.exec(text);
    if (!product || !(before || after)) return text;
    const bare = (whole) => /^\(([^()]*)\)$/.exec(whole)?.[1] || whole;
    if (before && !after) return bare(before[1] + (before[2] || ""));
    const [, minus, sign, rest] = after;
    return minus + (sign === "/" ? `1/${rest}` : sign && minus ? rest : sign ? bare(rest) : "1");
  }

  const local = (m) => factor(m.local).replace(/-/g, "−") + m.summed;

  function figure(id, role, kind, text) {
    const n = Tape.nodes.get(id);
    const caption = h("figcaption", null, Panel.chip(id, text), h("span", null, n.shape),
                      h("span", null, ArrayView.range(n.value)));
    return h("figure", { class: `array ${kind}` }, role ? h("p", { class: "role" }, role) : null,
             ArrayView.thumbnail(n.value, text || Tape.label(id)), caption);
  }

  const sign = (text) => h("span", { class: "sign", "aria-hidden": "true" }, text);

  function forward(m) {
    const named = Tape.nodes.get(m.node).in.filter((id, i, all) => all.indexOf(id) === i);
    const role = named.length > 1 ? "operands" : "operand";
    return [...named.map((id, i) => figure(id, i === 0 ? role : "\u00a0", "value")), sign("→"),
            figure(m.node, "result", "value")];
  }

  function backward(m) {
    const upstream = Tape.nodes.get(m.sender).grad, read = reads(m);
    const parts = [figure(upstream, "upstream gradient", "gradient", Tape.gradientName(m.sender)), sign("×"),
                   h("figure", { class: "array" }, h("p", { class: "role" }, "local derivative"),
                     h("span", { class: "constant" }, local(m)))];
    parts.push(...read.map((id, i) => figure(id, i === 0 ? "from" : "\u00a0", "value")));
    const share = m.of > 1 && m.share ? `, ${m.share.replace(" ", "\u00a0")}` : "", bent = m.bent && `, ${m.bent}`;
    parts.push(sign("→"), figure(m.term, `contribution${bent}${share}`, "gradient", Tape.termName(m)));
    return parts;
  }

  /* A box for each term: arrived, arriving, pending. */
  function arrivals(m) {
    if (m.of === 1) return null;
    const boxes = Tape.received.get(m.node).map((t, i) => {
      const state = i < m.nth ? "arrived" : i === m.nth ? "arriving" : "pending";
      return h("li", { class: state }, h("b", null, `from ${t.sender ? Tape.label(t.sender) : "the seed"}`),
               h("span", null, state === "pending" ? "pending" : t.share));
    });
    return h("ol", { class: "arrivals", "aria-label": `Terms of ${Tape.gradientName(m.node)}` }, ...boxes);
  }

  /* A long line becomes smaller, down to where it can still be read; what is longer scrolls. */
  function squeeze(line) {
    const size = parseFloat(getComputedStyle(line).fontSize), fits = line.clientWidth / line.scrollWidth;
    if (fits < 1) line.style.setProperty("font-size", `${Math.max(16, size * fits * .98)}px`);
    if (line.scrollWidth > line.clientWidth) line.tabIndex = 0;
  }

  function show(m) {
    sentence.textContent = tell(m);
    const arrays = !m.backward ? forward(m) : m.sender ? backward(m) : [figure(m.term, "seed", "gradient")];
    calculation.className = m.backward ? "backward" : "forward";
    const line = h("p", { class: "equation" }, equation(m));
    calculation.replaceChildren(line, h("div", { class: "workings" }, h("div", { class: "arrays" }, ...arrays),
                                        m.backward ? arrivals(m) : null));
    squeeze(line);
  }

  return { show, step };
})();
