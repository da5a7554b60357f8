// Folds and unfolds the boxes of a circuit. `place` does again what graph/draw/place.c did, line by line: column widths
// and row heights from the innermost box to the outermost, then positions from the outermost inwards.
'use strict';
const Circuit = {
  // item: kind, ref, cluster, column, row, width, height, body; wire: source, cluster, from, to, first bend, bends
  IN: 0, LEAF: 1, GATE: 2, BOX: 3, OUT: 4, BEND: 5,

  start(svg, data) {
    Object.assign(this, data, { svg });
    this.items = data.items.map(([kind, ref, cluster, column, row, width, height, body]) =>
      ({ kind, ref, cluster, column, row, width, height, body, x: 0, y: 0 }));
    this.wires = data.wires.map(([source, cluster, from, to, first, bends]) => ({ source, cluster, from, to, first, bends }));
    this.boxes = new Map([...svg.querySelectorAll('.cluster')].map(e => [Number(e.dataset.cluster), e]));
    this.nodes = new Map([...svg.querySelectorAll('.node')].map(e => [Number(e.dataset.node), e]));
    this.paths = [...svg.querySelectorAll('.wire')];
    this.holder = new Map(this.items.filter(i => i.kind === this.LEAF || i.kind === this.GATE).map(i => [i.ref, i.cluster]));
    this.clusters.forEach((k, id) => Object.assign(k, { id, content: this.items.slice(k.first, k.first + k.items) }));
    this.draw();
  },

  fold(id) { this.set([id], false); },
  unfold(id) { this.set([id], true); },
  foldAll() { this.set(this.clusters.filter(k => k.sort === 'scope' || k.sort === 'group').map(k => k.id), false); },
  unfoldAll() { this.set(this.clusters.map(k => k.id), true); },
  toggle(id) { this.set([id], !this.clusters[id].open); },
  set(ids, open) {
    for (const id of ids) if (id > 0) this.clusters[id].open = open;
    this.draw();
  },

  // Opens everything around a node.
  reveal(node) {
    const around = [];
    for (let id = this.holder.get(node); id > 0; id = this.clusters[id].parent) around.push(id);
    this.set(around, true);
  },

  // The innermost element to be seen that is the node or has it in it.
  boxOf(node) {
    let id = this.holder.get(node);
    if (id === undefined) return null;
    if (this.shows(id)) return this.nodes.get(node);
    while (id > 0 && !this.clusters[id].visible) id = this.clusters[id].parent;
    return this.boxes.get(id) || null;
  },

  shows(id) { return this.clusters[id].visible && this.clusters[id].open; },
  anchor(item) { return item.kind === this.BOX ? this.clusters[item.ref].anchor : item.height >> 1; },
  within(i, id) { return this.items[i].cluster === id ? this.items[i] : this.items[this.clusters[this.items[i].cluster].item]; },

  measure(k) {
    if (!k.open) return Object.assign(k, { width: k.least, height: this.head + this.foot, anchor: (this.head + this.foot) >> 1 });
    k.columns = k.gaps.map(() => ({ left: 0, right: 0 }));
    k.lines = Array.from({ length: k.rows }, () => ({ above: 0, below: 0, y: 0 }));
    for (const item of k.content) {
      const column = k.columns[item.column], line = k.lines[item.row], anchor = this.anchor(item);
      column.right = Math.max(column.right, item.width);
      line.above = Math.max(line.above, anchor);
      line.below = Math.max(line.below, item.height - anchor);
    }
    let width = 0, y = k.sort === 'root' ? 0 : this.head;
    k.columns.forEach((column, i) => { column.left = width + k.gaps[i]; width = column.right += column.left; });
    const extra = Math.max(k.least - width, 0);
    k.columns.forEach((column, i) => {
      const by = i === 0 ? 0 : i + 1 < k.columns.length ? extra >> 1 : extra;
      column.left += by; column.right += by;
    });
    k.lines.forEach((line, i) => { line.y = y + line.above; y += line.above + line.below + (i + 1 < k.rows ? this.line : 0); });
    return Object.assign(k, { width: width + extra, height: y + this.foot, anchor: k.rows ? k.lines[k.spine].y : 0 });
  },

  position(k) {
    for (const item of k.content) {
      const column = k.columns[item.column], room = column.right - column.left - item.width;
      item.x = k.x + column.left + (item.kind === this.LEAF ? room : room >> 1);
      item.y = k.y + k.lines[item.row].y - this.anchor(item);
      if (item.kind === this.IN || item.kind === this.OUT || item.kind === this.BEND) item.y += item.height >> 1;
      if (item.kind === this.BOX) Object.assign(this.clusters[item.ref], { x: item.x, y: item.y });
    }
  },

  place() {
    for (const k of [...this.clusters].reverse()) {
      this.measure(k);
      if (k.id > 0) Object.assign(this.items[k.item], { width: k.width, height: k.height });
    }
    Object.assign(this.clusters[0], { x: this.margin, y: this.margin });
    for (const k of this.clusters) {
      k.visible = k.id === 0 || this.shows(k.parent);
      if (this.shows(k.id)) this.position(k);
    }
  },

  end(i, wire, arriving) {
    const item = this.items[i], k = this.clusters[item.cluster];
    if (item.cluster !== wire.cluster && !k.open) return { x: k.x + (arriving ? 0 : k.width), y: k.y + k.anchor };
    if (item.kind === this.GATE || item.kind === this.LEAF)
      return { x: item.x + (arriving ? 0 : item.body), y: item.y + (item.height >> 1) };
    return item;
  },

  path(wire) {
    const k = this.clusters[wire.cluster];
    let at = this.end(wire.from, wire, false), i = this.within(wire.from, wire.cluster).column;
    let d = `M${at.x} ${at.y}H${k.x + k.columns[i].right}`;
    for (let b = 0; b <= wire.bends; b++) {
      const last = b === wire.bends, to = this.end(last ? wire.to : wire.first + b, wire, true);
      const right = k.x + k.columns[i].right, left = k.x + k.columns[++i].left, middle = (right + left) >> 1;
      if (to.y !== at.y) d += `C${middle} ${at.y} ${middle} ${to.y} ${left} ${to.y}`;
      d += `H${last ? to.x : k.x + k.columns[i].right}`;
      at = to;
    }
    return d;
  },

  show(element, visible, attributes) {
    if (!visible) return element.setAttribute('display', 'none');
    element.removeAttribute('display');
    for (const name in attributes) element.setAttribute(name, attributes[name]);
  },

  draw() {
    this.place();
    const [root] = this.clusters, width = root.width + 2 * this.margin, height = root.height + 2 * this.margin + this.legend;
    for (const [id, box] of this.boxes) {
      const k = this.clusters[id], sign = box.querySelector('.sign');
      this.show(box, k.visible, { transform: `translate(${k.x},${k.y})` });
      if (!k.visible) continue;
      box.classList.toggle('folded', !k.open);
      this.show(box.querySelector('.box'), true, { width: k.width, height: k.height });
      for (const text of box.querySelectorAll('.end')) text.setAttribute('x', k.width - 12);
      if (sign) this.show(sign, true, { x: k.width - 12 }), sign.textContent = k.open ? '−' : '+';
    }
    for (const item of this.items)
      if (item.kind === this.GATE || item.kind === this.LEAF)
        this.show(this.nodes.get(item.ref), this.shows(item.cluster), { transform: `translate(${item.x},${item.y})` });
    this.wires.forEach((wire, i) => this.show(this.paths[i], this.shows(wire.cluster), { d: this.shows(wire.cluster) ? this.path(wire) : '' }));
    this.show(this.svg, true, { viewBox: `0 0 ${width} ${height}`, width, height });
    this.show(this.svg.querySelector('.paper'), true, { width, height });
    const legend = this.svg.querySelector('.legend');
    if (legend) this.show(legend, true, { transform: `translate(${this.margin},${height - this.margin - 16})` });
  },
};
