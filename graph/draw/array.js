"use strict";

/* One array: as a table of numbers on colours, as a thumbnail, as a histogram. The colour runs from blue (negative)
 * through nothing (0) to orange, with the root of |v| over the largest |v|, so that small columns beside large ones are
 * not all white; or over the largest of each column. What is not finite has a dashed frame. */
const ArrayView = (() => {
  let each = false;

  function paint(e, text, top) {
    const v = Number(text.replace("inf", "Infinity"));
    if (!Number.isFinite(v)) {
      e.classList.add("bad");
      return;
    }
    e.classList.add(v < 0 ? "neg" : "pos");
    e.style.setProperty("--v", top > 0 ? Math.sqrt(Math.abs(v) / top).toFixed(3) : "0");
  }

  const shown = (v, i) => v.whole[i] || v.text[i];
  const minus = (text) => text.replace(/-/g, "−"); // in words; in tables numbers stay as programs read them

  /* What has full colour, column by column. */
  function tops(v) {
    const of = Array(v.wide).fill(each ? 0 : v.top);
    for (let i = 0; each && i < v.high * v.wide; i++) {
      const size = Math.abs(Number(shown(v, i).replace("inf", "Infinity")));
      if (Number.isFinite(size)) of[i % v.wide] = Math.max(of[i % v.wide], size);
    }
    return of;
  }

  /* In one line. Null: it has not been computed, which is not 0. */
  function range(v) {
    if (!v) return "– (not run)";
    if (v.count === 0) return "empty";
    if (v.count === 1) return minus(v.text[0]);
    const bad = v.bad ? `${v.bad} of ${v.count} not finite` : "";
    if (v.min === undefined) return bad;
    return minus(v.min === v.max ? `all ${v.min}` : `${v.min} … ${v.max}`) + (bad && `, ${bad}`);
  }

  function thumbnail(v, label) {
    if (!v || v.high * v.wide === 0) return h("span", { class: "nothing" }, v ? "empty" : "–");
    const w = Math.max(4, Math.min(12, 96 / v.wide)), t = Math.max(4, Math.min(w, 72 / v.high));
    const svg = h("svg", { viewBox: `0 0 ${v.wide * w} ${v.high * t}`, width: v.wide * w, height: v.high * t,
                           role: "img", "aria-label": `${label}: ${range(v)}`, class: "thumbnail" });
    const top = tops(v);
    for (let i = 0; i < v.high * v.wide; i++) {
      const cell = h("rect", { x: (i % v.wide) * w, y: Math.floor(i / v.wide) * t, width: w, height: t });
      paint(cell, shown(v, i), top[i % v.wide]);
      svg.append(cell);
    }
    return svg;
  }

  /* How to read the colours: the numbers at both ends and 0 in the middle. */
  function scale(v) {
    if (v.max === undefined) return null;
    const far = (Math.abs(Number(v.max)) >= Math.abs(Number(v.min)) ? v.max : v.min).replace(/^-/, "");
    const ends = each ? ["− the column's largest", "+ the column's largest"] : [`−${far}`, `+${far}`];
    const table = v.rows > 1 && v.columns > 1;
    const button = h("button", { type: "button", "data-colours": true, "aria-pressed": String(each) },
                     "Colour by column");
    return h("p", { class: "scale" }, h("span", null, ends[0]), h("i", { class: "ramp", "aria-hidden": "true" }),
             h("span", null, ends[1]), table ? button : null);
  }

  /* Numbers of a column with their points below each other, where none has an exponent. */
  function aligned(v) {
    const tail = (text) => (/\d/.test(text) ? text.replace(/^-?\d+/, "").length : 0), most = Array(v.wide).fill(0);
    v.text.forEach((text, i) => {
      most[i % v.wide] = Math.max(most[i % v.wide], /e/.test(text) ? Infinity : tail(text));
    });
    return v.text.map((text, i) => {
      const room = most[i % v.wide];
      return Number.isFinite(room) ? text + " ".repeat(room - tail(text)) : text;
    });
  }

  function extent(v) {
    if (v.high === v.rows && v.wide === v.columns) return "";
    if (v.rows === 1) return `: the first ${v.wide} of ${v.columns}`;
    return `: the first ${v.high} of ${v.rows} rows` +
      (v.wide < v.columns ? `, ${v.wide} of ${v.columns} columns` : "");
  }

  function table(v, labels, caption) {
    const body = h("tbody");
    const named = labels && labels.length >= v.wide, text = aligned(v), top = tops(v);
    for (let r = 0; r < v.high; r++) {
      const row = h("tr", null, v.rows > 1 ? h("th", { scope: "row" }, String(r)) : null);
      for (let c = 0; c < v.wide; c++) {
        const i = r * v.wide + c;
        const cell = h("td", { title: shown(v, i) }, text[i]);
        paint(cell, shown(v, i), top[c]);
        row.append(cell);
      }
      body.append(row);
    }
    const head = h("tr", null, v.rows > 1 ? h("td") : null);
    for (let c = 0; c < v.wide; c++) {
      head.append(h("th", { scope: "col", title: named ? labels[c] : null }, named ? labels[c] : String(c)));
    }
    return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
             h("table", { class: "heat" }, h("caption", null, caption + extent(v)),
               v.columns > 1 ? h("thead", null, head) : null, body));
  }

  function histogram(v) {
    const most = Math.max(...v.bins), w = 8, t = 44;
    const svg = h("svg", { viewBox: `0 0 ${v.bins.length * w} ${t}`, width: v.bins.length * w, height: t, role: "img",
                           class: "histogram",
                           "aria-label": `Histogram from ${v.min} to ${v.max}: ${v.bins.join(", ")}` });
    v.bins.forEach((n, i) => {
      const height = n ? Math.max(1, (n / most) * t) : 0;
      svg.append(h("rect", { x: i * w, y: t - height, width: w - 1, height }));
    });
    const low = Number(v.min), high = Number(v.max);
    if (low < 0 && high > 0) {
      svg.append(h("rect", { class: "zero", x: (-low / (high - low)) * v.bins.length * w, y: 0, width: 1, height: t }));
    }
    return h("figure", { class: "spread" }, svg,
             h("figcaption", null, h("span", null, minus(v.min)), h("span", null, minus(v.max))));
  }

  function statistics(v) {
    const list = h("dl", { class: "statistics" });
    const put = (term, text) => list.append(h("div", null, h("dt", null, term), h("dd", null, text)));
    if (v.min !== undefined && v.count > 1) {
      for (const key of ["min", "mean", "max", "std"]) put(key, v[key]);
    }
    if (v.bad) put("not finite", `${v.bad} of ${v.count}`);
    return list;
  }

  /* All that is known of it. */
  function full(v, labels, caption) {
    if (!v) return [h("p", { class: "nothing" }, "– not run")];
    if (v.count === 0) return [h("p", { class: "nothing" }, "empty")];
    if (v.count === 1) return [h("p", { class: "single", title: shown(v, 0) }, v.text[0])];
    const parts = [h("div", { class: "facts" }, statistics(v),
                     v.count > 7 && v.bins && v.min !== v.max ? histogram(v) : null)];
    if (v.high * v.wide) parts.push(table(v, labels, caption), scale(v));
    return parts.filter(Boolean);
  }

  return { range, thumbnail, full, toggle: () => (each = !each) };
})();
