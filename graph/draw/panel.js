"use strict";

/* The chosen node: what it is, its local derivatives, its value, its gradient and where that came from. */
const Panel = (() => {
  const panel = document.getElementById("panel"), coded = document.getElementById("tab-numpy");

  const chip = (id, text) => h("button", { type: "button", class: "chip", "data-choose": id }, text || Tape.label(id));

  /* The formula typeset, or as text where the tape is too long to typeset all of it. */
  function formula(id) {
    return Tape.formula(id) || h("code", null, `${Tape.name(id)} = ${Tape.nodes.get(id).formula}`);
  }

  function facts(n) {
    const parts = [n.op, n.shape, n.type, n.where, n.leaf ? null : `step ${n.stage < 0 ? "–" : n.stage}`,
                   n.scope ? `in ${n.scope}` : null,
                   n.name || !coded ? `node ${n.id}` : `t${n.id} in code`];
    const line = h("p", { class: "where" });
    parts.filter(Boolean).forEach((text) => line.append(h("span", null, text)));
    return line;
  }

  /* What it sends to each operand: the upstream gradient times the local derivative. */
  function derivatives(n) {
    const sent = Tape.sent.get(n.id);
    if (!sent) return null;
    const list = h("dl", { class: "derivatives" });
    for (const t of sent) {
      list.append(h("div", null, h("dt", null, "to ", chip(t.node)),
                    h("dd", null, Tape.delivery(t) || h("code", null, Tape.nodes.get(t.term).formula))));
    }
    const gradient = h("span", { class: "gradient" }, Tape.gradientName(n.id));
    return [h("h3", null, "Local derivatives, times ", gradient), list];
  }

  function path(t, from) {
    const steps = [Tape.name(from)];
    for (let id = t.sender, i = 0; id && i < 64; i++) {
      if (Tape.nodes.get(id).name) steps.push(Tape.name(id));
      const ways = Tape.received.get(id) || [];
      if (ways.length > 1) return `${steps.join(" ← ")} (${ways.length} paths)`;
      id = ways.length ? ways[0].sender : 0;
    }
    return steps.join(" ← ");
  }

  function ledger(n) {
    const terms = Tape.received.get(n.id);
    if (!terms) return null;
    const bar = h("div", { class: "shares", "aria-hidden": "true" });
    const rows = h("tbody");
    terms.forEach((t, i) => {
      const part = h("span", { class: `share share-${i % 4}` });
      part.style.setProperty("flex-grow", String(Math.max(0.5, parseFloat(t.share) || 0)));
      bar.append(part);
      rows.append(h("tr", null, h("td", null, h("i", { class: `key share-${i % 4}` }), chip(t.term, Tape.termName(t))),
                    h("td", null, t.sender ? chip(t.sender) : "the seed"), h("td", { class: "path" }, path(t, n.id)),
                    h("td", { class: "r" }, t.share)));
    });
    const head = h("tr", null, ...["term", "sent by", "path", "share"].map((text, i) =>
      h("th", { scope: "col", class: i === 3 ? "r" : null }, text)));
    return [h("h3", null, terms.length === 1 ? "Where it came from" : `Ledger: ${terms.length} terms add up`),
            terms.length > 1 && parseFloat(terms[0].share) >= 0 ? bar : null,
            h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Ledger" },
              h("table", { class: "ledger" }, h("thead", null, head), rows))];
  }

  function verdict(n) {
    const c = Tape.checks.find((check) => check.leaf === n.id);
    if (!c) return null;
    const word = h("span", { class: `verdict ${c.verdict === "FAIL" ? "bad" : "good"}` }, c.verdict);
    return h("p", { class: "checked" }, word,
             ` against central differences: error ${c.error} of its scale, ${c.checked} of ${c.size} elements`);
  }

  function show(id) {
    const n = Tape.nodes.get(id), of = Tape.targets.get(id);
    const labels = Tape.labels.get(n.labels);
    const adjoins = of && of !== id && id > Tape.out;
    const parts = [h("h2", null, h("span", { class: adjoins ? "gradient" : "value" }, Tape.name(id)),
                     n.aka ? h("small", null, ` also ${n.aka.join(", ")}`) : null),
                   facts(n), n.leaf ? null : h("p", { class: "formula" }, formula(id)), ...(derivatives(n) || [])];
    const owners = adjoins ? [...Tape.nodes.values()].filter((other) => other.grad === id && other.id < id) : [];
    if (owners.length) parts.push(h("p", { class: "operands" }, "The gradient of ", ...owners.map((o) => chip(o.id))));
    if (n.in.length) parts.push(h("p", { class: "operands" }, "Operands ", ...n.in.map((x) => chip(x))));
    const arrays = h("div", { class: "both" }, h("div", null, h("h3", { class: "value" }, "Value"),
      ...ArrayView.full(n.value, labels, `${Tape.name(id)}, the value`)));
    parts.push(arrays);
    if (n.grad) {
      const adjoint = Tape.nodes.get(n.grad);
      arrays.append(h("div", null, h("h3", { class: "gradient" }, "Gradient ", chip(n.grad, Tape.gradientName(id))),
                      ...ArrayView.full(adjoint.value, labels, `${Tape.gradientName(id)}, the gradient`)));
      parts.push(verdict(n), ...(ledger(n) || []));
    }
    panel.replaceChildren(...parts.flat().filter(Boolean));
    panel.hidden = false;
  }

  return { show, chip, formula };
})();
