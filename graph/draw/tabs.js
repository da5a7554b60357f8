"use strict";

/* The tables and the programs below, one at a time; programs can be copied. */
const Tabs = (() => {
  function tabs() {
    const parts = [...document.querySelectorAll(".tab")];
    const bar = h("div", { role: "tablist", "aria-label": "More of the same" });
    const buttons = parts.map((part) => {
      const button = h("button", { type: "button", role: "tab", id: `${part.id}-tab`, "aria-controls": part.id },
                       part.dataset.title);
      part.setAttribute("role", "tabpanel");
      part.setAttribute("aria-labelledby", button.id);
      bar.append(button);
      return button;
    });
    const open = (k, focus) => {
      const i = (k + parts.length) % parts.length;
      parts.forEach((part, j) => {
        part.hidden = i !== j;
        buttons[j].setAttribute("aria-selected", String(i === j));
        buttons[j].tabIndex = i === j ? 0 : -1;
      });
      if (focus) buttons[i].focus();
    };
    buttons.forEach((button, i) => button.addEventListener("click", () => open(i)));
    bar.addEventListener("keydown", (event) => {
      const i = buttons.indexOf(document.activeElement);
      const to = { ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: parts.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      open(to, true);
    });
    document.getElementById("tabs").prepend(bar);
    open(0);
  }

  function flash(e, text, then) {
    e.textContent = text;
    setTimeout(() => (e.textContent = then), 1600);
  }

  async function copy(button, code) {
    let done = true;
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      getSelection().selectAllChildren(code);
      done = document.execCommand("copy");
    }
    flash(button, done ? "Copied" : "Press Ctrl+C", "Copy");
  }

  function copies() {
    document.querySelectorAll(".tab pre").forEach((pre) => {
      const button = h("button", { type: "button", class: "copy" }, "Copy");
      button.addEventListener("click", () => copy(button, pre.firstElementChild));
      pre.before(button);
    });
  }

  return { start: () => (tabs(), copies()), flash };
})();
