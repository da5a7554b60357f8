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
    this.wires = data.wires.map(([source, cluster, from, to, first, bends]) =>
      ({ source, cluster, from, to, first, bends }));
    this.boxes = new Map([...svg.querySelectorAll('.cluster')].map(e => [Number(e.dataset.cluster), e]));
    this.nodes = new Map([...svg.querySelectorAll('.node')].map(e => [Number(e.dataset.node), e]));
    this.paths = [...svg.querySelectorAll('.wire')];
    this.solid = this.items.filter(item => item.kind === this.LEAF || item.kind === this.GATE);
    this.holder = new Map(this.solid.map(item => [item.ref, item.cluster]));
    this.clusters.forEach((k, id) => Object.assign(k, { id, content: this.items.slice(k.first, k.first + k.items) }));
    for (const k of this.clusters) k.content.sort((a, b) => a.row - b.row);
    this.draw();
  },

  fold(id) { this.set([id], false); },
  unfold(id) { this.set([id], true); },
  foldAll() { this.set(this.clusters.filter(k => k.id > 0 && k.sort !== 'stage').map(k => k.id), false); },
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
  within(i, id) {
    const item = this.items[i];
    return item.cluster === id ? item : this.items[this.clusters[item.cluster].item];
  },

  limitOf(k) {
    const all = k.columns.reduce((sum, c) => sum + c.gap + c.right, 0), wide = this.wide[k.id ? 1 : 0];
    const bands = k.sort === 'stage' ? 1 : Math.max(1, Math.floor((all + wide - 1) / wide));
    const even = Math.max(Math.floor(all / bands), ...k.columns.map(c => c.right));
    return bands > 1 ? even + (even >> 4) : all;
  },

  widths(k) {
    const last = k.gaps.length - 1, ports = k.id > 0;
    const columns = k.columns = k.gaps.map(gap => ({ gap, left: 0, right: 0, band: 0 }));
    for (const item of k.content) columns[item.column].right = Math.max(columns[item.column].right, item.width);
    const limit = this.limitOf(k);
    let at = 0, width = 0;
    k.bands = 1;
    columns.forEach((c, x) => {
      const turns = at > 0 && at + c.gap + c.right > limit && k.bands < this.most && !(ports && x === last);
      c.left = turns ? 0 : at + c.gap;
      c.band = turns ? k.bands++ : k.bands - 1;
      at = c.right += c.left;
      width = Math.max(width, at);
    });
    const inset = k.bands > 1 ? this.inset : 0, extra = Math.max(k.least - width - 2 * inset, 0);
    k.width = width + extra + 2 * inset;
    columns.forEach((c, x) => {
      const by = !ports || (x > 0 && x < last) ? inset + (extra >> 1) : x ? k.width - c.right : 0;
      c.left += by; c.right += by;
    });
  },

  lineOf(k, column, row) { return k.lines[k.columns[column].band * k.rows + row]; },

  countTurns(k, band) {
    let turns = 0;
    for (const item of k.content) {
      const next = k.columns[item.column + 1];
      if (k.columns[item.column].band !== band || !next || next.band === band) continue;
      const box = item.kind === this.BOX ? this.clusters[item.ref] : null;
      if (!box || !box.open) item.turn = ++turns;
      for (const port of box ? box.content : [])
        if (port.kind === this.OUT) port.turn = box.open ? ++turns : turns;
    }
    return turns;
  },

  stack(k, band, top) {
    let floor = top, y = top;
    const floors = k.columns.map(() => top - this.line);
    for (let i = 0, next = 0, row = 0; row < k.rows; row++, i = next) {
      for (; next < k.content.length && k.content[next].row === row; next++) {
        const item = k.content[next];
        if (k.columns[item.column].band === band) y = Math.max(y, floors[item.column] + this.line + this.anchor(item));
      }
      k.lines[band * k.rows + row].y = y;
      let step = 0;
      for (; i < next; i++) {
        const item = k.content[i];
        if (k.columns[item.column].band !== band) continue;
        floors[item.column] = y - this.anchor(item) + item.height;
        floor = Math.max(floor, floors[item.column]);
        step = this.port;
      }
      y += step;
    }
    return floor;
  },

  heights(k) {
    let y = k.id ? this.head : 0;
    k.lines = Array.from({ length: k.rows * k.bands }, () => ({ y: 0, floor: 0, turns: 0 }));
    for (let b = 0; b < k.bands; b++) {
      const turns = this.countTurns(k, b), floor = y = this.stack(k, b, y);
      for (const line of k.lines.slice(b * k.rows, (b + 1) * k.rows)) Object.assign(line, { turns, floor });
      if (b + 1 < k.bands) y += (turns + 3) * this.turn;
    }
    Object.assign(k, { height: y + this.foot, anchor: k.rows ? k.lines[k.spine].y : 0 });
  },

  measure(k) {
    const height = this.head + this.foot;
    if (!k.open) return Object.assign(k, { width: k.least, height, anchor: height >> 1 });
    this.widths(k);
    this.heights(k);
  },

  position(k) {
    for (const item of k.content) {
      const column = k.columns[item.column], room = column.right - column.left - item.width;
      item.x = k.x + column.left + (item.kind === this.LEAF ? room : room >> 1);
      item.y = k.y + this.lineOf(k, item.column, item.row).y - this.anchor(item);
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

  turnPath(k, band, turn, at, to) {
    const line = k.lines[band * k.rows], outside = line.turns - turn;
    const right = k.x + k.width - this.inset, left = k.x + this.inset, y = k.y + line.floor + (outside + 2) * this.turn;
    const wide = Math.min(16 + outside * this.turn, 52), narrow = Math.min(16 + (turn - 1) * this.turn, 52);
    return `H${right}C${right + wide} ${at.y} ${right + wide} ${y} ${right} ${y}` +
      `H${left}C${left - narrow} ${y} ${left - narrow} ${to.y} ${left} ${to.y}`;
  },

  path(wire) {
    const k = this.clusters[wire.cluster];
    let i = wire.from, at = this.end(i, wire, false), x = this.within(i, wire.cluster).column;
    let d = `M${at.x} ${at.y}H${k.x + k.columns[x].right}`;
    for (let b = 0; b <= wire.bends; b++, x++) {
      const last = b === wire.bends, next = last ? wire.to : wire.first + b, to = this.end(next, wire, true);
      const t = k.columns[x], n = k.columns[x + 1];
      const right = k.x + t.right, left = k.x + n.left, middle = (right + left) >> 1;
      if (n.band !== t.band) d += this.turnPath(k, t.band, this.items[i].turn, at, to);
      else if (to.y !== at.y) d += `C${middle} ${at.y} ${middle} ${to.y} ${left} ${to.y}`;
      d += `H${last ? to.x : k.x + n.right}`;
      at = to;
      i = next;
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
    const [root] = this.clusters, width = root.width + 2 * this.margin;
    const height = root.height + 2 * this.margin + this.legend;
    for (const [id, box] of this.boxes) {
      const k = this.clusters[id], sign = box.querySelector('.sign');
      this.show(box, k.visible, { transform: `translate(${k.x},${k.y})` });
      if (!k.visible) continue;
      box.classList.toggle('folded', !k.open);
      this.show(box.querySelector('.box'), true, { width: k.width, height: k.height });
      for (const text of box.querySelectorAll('.end')) text.setAttribute('x', k.width - 12);
      if (sign) this.show(sign, true, { x: k.width - 12 }), sign.textContent = k.open ? '−' : '+';
    }
    for (const item of this.solid)
      this.show(this.nodes.get(item.ref), this.shows(item.cluster), { transform: `translate(${item.x},${item.y})` });
    this.wires.forEach((wire, i) => {
      const visible = this.shows(wire.cluster);
      this.show(this.paths[i], visible, visible && { d: this.path(wire) });
    });
    this.show(this.svg, true, { viewBox: `0 0 ${width} ${height}`, width, height });
    this.show(this.svg.querySelector('.paper'), true, { width, height });
    const legend = this.svg.querySelector('.legend');
    if (legend) this.show(legend, true, { transform: `translate(${this.margin},${height - this.margin})` });
  },
};
