"use strict";

/* The explorer: which moment it is and which node is chosen, and everything that can change either. */
(() => {
  const $ = (id) => document.getElementById(id);
  const stops = Tape.stops, last = stops.length;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let at = 0, chosen = 0, timer = 0;

  /* ------------------------------------------------------------------------------------------------- moments */

  function choose(id, look) {
    if (!Tape.nodes.has(id)) return;
    chosen = id;
    Panel.show(id);
    Scene.choose(id, look, calm.matches);
    document.querySelectorAll("tr.chosen").forEach((row) => row.classList.remove("chosen"));
    const row = $(`n${id}`);
    if (row) row.classList.add("chosen");
  }

  /* From the table: to where it can be seen, which on a phone is not both at once. */
  function visit(id) {
    choose(id, true);
    const wide = matchMedia("(min-width: 1080px)").matches;
    (wide ? $("circuit") : $("panel")).scrollIntoView({ behavior: calm.matches ? "auto" : "smooth", block: "start" });
  }

  function recolour(button) {
    const at = [...document.querySelectorAll("[data-colours]")].indexOf(button);
    ArrayView.toggle();
    if (last) Moment.show(moment());
    Panel.show(chosen);
    document.querySelectorAll("[data-colours]")[at].focus();
  }

  const moment = () => stops[at - 1];

  function go(k, quiet) {
    if (!last) return;
    at = Math.min(last, Math.max(1, k));
    const m = moment(), hurry = timer && Number($("speed").value) < 500;
    Moment.show(m);
    Scene.show(at, calm.matches || hurry || quiet);
    choose(m.node);
    const slider = $("slider"), place = `${at} of ${last}, ${m.backward ? "backward" : "forward"}, ${Moment.step(m)}`;
    slider.value = at;
    slider.setAttribute("aria-valuetext", place);
    $("count").textContent = `${at} / ${last}`;
    $("link").href = `#step=${at}`;
    document.body.dataset.pass = m.backward ? "backward" : "forward";
    if (!quiet) remember();
  }

  /* A held key would change the address faster than browsers let it. */
  let late = 0;
  function remember() {
    clearTimeout(late);
    late = setTimeout(() => history.replaceState(null, "", `#step=${at}`), 200);
  }

  /* To the first moment of the next step, or of this one or the one before. */
  function leap(by) {
    const same = (a, b) => stops[a].stage === stops[b].stage && stops[a].scope === stops[b].scope &&
                           stops[a].backward === stops[b].backward;
    let k = at - 1;
    if (by > 0) {
      while (k < last - 1 && same(k, k + 1)) k++;
      go(k + 2);
    } else {
      if (k > 0) k--;
      while (k > 0 && same(k, k - 1)) k--;
      go(k + 1);
    }
  }

  function pause() {
    clearInterval(timer);
    timer = 0;
    $("play").textContent = "Play";
    $("sentence").setAttribute("aria-live", "polite");
  }

  function tick() {
    if (at < last) go(at + 1);
    if (at === last) pause();
  }

  /* Nobody can listen as fast as it plays. */
  function play() {
    if (timer) return pause();
    if (at === last) go(1);
    $("sentence").setAttribute("aria-live", "off");
    $("play").textContent = "Pause";
    timer = setInterval(tick, Number($("speed").value));
  }

  /* ---------------------------------------------------------------------------------------------------- rails */

  /* A mark where the way back begins, so that the slider shows both passes. */
  function rail() {
    const turn = stops.findIndex((m) => m.backward), ticks = $("ticks");
    const part = (text, count, kind) => {
      const span = h("span", { class: kind }, text);
      span.style.setProperty("flex-grow", String(count));
      ticks.append(span);
    };
    const forward = turn < 0 ? last : turn;
    if (forward) part("forward", forward, "value");
    if (turn >= 0) part("backward", last - turn, "gradient");
    $("slider").max = last;
    $("count").style.setProperty("min-width", `${2 * String(last).length + 3}ch`);
  }

  /* The circuit's own marks, as they look there. */
  function legend() {
    const entry = (kind, text) => h("span", null, h("i", { class: `mark ${kind}`, "aria-hidden": "true" }), text);
    const entries = [entry("now", "computed now, and what it reads")];
    if (Tape.terms.length) entries.push(entry("flow", "the term that flows back"), entry("wait", "a pending term"));
    if (Tape.terms.some((t) => t.bent)) entries.push(entry("bent", "an edge that was mutated"));
    $("legend").append(...entries);
  }

  /* The address is right in any case. */
  function share() {
    navigator.clipboard?.writeText($("link").href).then(() => Tabs.flash($("link"), "Copied", "Link"), () => {});
  }

  function fromAddress(quiet) {
    const step = /(?:^#|&)step=(\d{1,9})/.exec(location.hash), node = /(?:^#|&)node=(\d{1,9})/.exec(location.hash);
    if (step || !quiet) go(step ? Number(step[1]) : 1, true);
    if (node) quiet ? visit(Number(node[1])) : choose(Number(node[1]), true);
  }

  /* ---------------------------------------------------------------------------------------------------- theme */

  function theme() {
    const dark = matchMedia("(prefers-color-scheme: dark)"), root = document.documentElement, button = $("theme");
    const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
    const name = () => (button.textContent = isDark() ? "Light" : "Dark");
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      name();
    });
    dark.addEventListener("change", name);
    name();
  }

  /* ----------------------------------------------------------------------------------------------------- keys */

  const keys = new Map([
    ["ArrowRight", ["→", "one moment on", () => go(at + 1)]],
    ["ArrowLeft", ["←", "one moment back", () => go(at - 1)]],
    ["PageDown", ["Page ↓", "one step on", () => leap(1)]],
    ["PageUp", ["Page ↑", "one step back", () => leap(-1)]],
    ["Home", ["Home", "the first moment", () => go(1)]],
    ["End", ["End", "the last moment", () => go(last)]],
    [" ", ["Space", "play, pause", play]],
    ["?", ["?", "these keys", () => $("help").click()]],
  ]);

  function help() {
    const list = h("dl");
    for (const [key, text] of [...keys.values(), ...Scene.keys]) {
      list.append(h("div", null, h("dt", null, h("kbd", null, key)), h("dd", null, text)));
    }
    $("keys").append(list);
    $("help").addEventListener("click", () => {
      $("keys").hidden = !$("keys").hidden;
      $("help").setAttribute("aria-expanded", String(!$("keys").hidden));
    });
  }

  /* The page scrolls by keys as ever, except from where the moments are: the body, the circuit and the controls. */
  function onKey(event) {
    const e = event.target, action = keys.get(event.key);
    if (!action || event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    if (e.closest("select, textarea, [role=tablist], .scroll, .equation, pre")) return;
    if (event.key === " " && e.closest("button, a, summary, [role=button]")) return;
    const scrolls = /^(Page|Home|End)/.test(event.key);
    if (scrolls && !e.closest("#circuit, #moment")) return;
    event.preventDefault();
    if (event.key !== " ") pause();
    action[2]();
  }

  function listen() {
    document.addEventListener("keydown", onKey);
    document.addEventListener("click", (event) => {
      const chip = event.target.closest("[data-choose]");
      if (chip) choose(Number(chip.dataset.choose), true);
      const colours = event.target.closest("[data-colours]");
      if (colours) recolour(colours);
      const row = event.target.closest(".tape tbody tr");
      if (row && !event.target.closest("a") && !getSelection().toString()) visit(Number(row.id.slice(1)));
    });
    $("back").addEventListener("click", () => (pause(), go(at - 1)));
    $("on").addEventListener("click", () => (pause(), go(at + 1)));
    $("play").addEventListener("click", play);
    $("link").addEventListener("click", share);
    $("speed").addEventListener("change", () => timer && (pause(), play()));
    $("slider").addEventListener("input", () => (pause(), go(Number($("slider").value))));
    addEventListener("hashchange", () => fromAddress(true));
    addEventListener("tapegrad-choose", (event) => choose(event.detail));
  }

  $("tools").hidden = false;
  Tabs.start();
  theme();
  help();
  listen();
  if (last) {
    $("moment").hidden = false;
    rail();
    legend();
    fromAddress(false);
  } else if (Tape.nodes.size) {
    choose(Tape.nodes.keys().next().value);
  }
})();
