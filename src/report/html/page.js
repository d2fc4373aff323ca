'use strict';
// Sorting and filtering of the tables, zooming of the maps. Without it the page shows the same numbers.

const make = (tag, text, parent) => {
  const node = document.createElement(tag);
  node.textContent = text;
  parent.append(node);
  return node;
};

// Tables.

const UNITS = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, PB: 1e15, EB: 1e18 };

/** What a cell of numbers is sorted by: `-703.4 MB` is less than `12 kB`. */
const size = (text) => {
  const match = /([+-]?[\d,]*\.?\d+)\s*([kMGTPE]?B\b)?/.exec(text);
  return match ? parseFloat(match[1].replaceAll(',', '')) * (UNITS[match[2]] ?? 1) : -Infinity;
};

const sort = (table, column, head) => {
  const falls = head.classList.contains('number')
    ? head.ariaSort !== 'descending' : head.ariaSort === 'ascending';
  const key = (row) => row.cells[column].textContent;
  const compare = head.classList.contains('number')
    ? (a, b) => size(key(a)) - size(key(b)) || 0
    : (a, b) => key(a).localeCompare(key(b));
  const rows = [...table.tBodies[0].rows].sort((a, b) => (falls ? compare(b, a) : compare(a, b)));
  table.tBodies[0].append(...rows);
  for (const other of table.tHead.rows[0].cells) other.removeAttribute('aria-sort');
  head.ariaSort = falls ? 'descending' : 'ascending';
};

const sortable = (table) => {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    if (head.tagName !== 'TH') return;
    const name = head.textContent;
    head.textContent = '';
    const button = make('button', name, head);
    button.type = 'button';
    button.addEventListener('click', () => sort(table, column, head));
  });
};

const filterable = (table) => {
  const box = document.createElement('div');
  box.className = 'filter';
  const label = make('label', 'Filter: ', box);
  const input = make('input', '', label);
  input.type = 'search';
  const said = make('span', '', box);
  said.setAttribute('role', 'status');
  const rows = [...table.tBodies[0].rows];
  const texts = rows.map((row) => row.textContent.toLowerCase());
  input.addEventListener('input', () => {
    const wanted = input.value.toLowerCase();
    let shown = 0;
    rows.forEach((row, at) => {
      row.hidden = !texts[at].includes(wanted);
      shown += row.hidden ? 0 : 1;
    });
    said.textContent = wanted ? `${shown} of ${rows.length} rows` : '';
  });
  table.parentElement.before(box);
};

for (const table of document.querySelectorAll('table')) {
  const rows = table.tBodies[0].rows.length;
  if (table.tHead && rows > 1) sortable(table);
  if (rows > 8) filterable(table);
}

// Maps. The numbers are those of map.rs.

const [WIDTH, HEIGHT, HEAD, EDGE, LETTER] = [960, 540, 18, 2, 6.8];

/** The areas as a tree: a directory stands before what is in it, one level up. */
const read = (svg) => {
  const above = [];
  return [...svg.querySelectorAll('g')].map((g) => {
    const level = Number(g.getAttribute('aria-level'));
    const place = g.dataset.place.split(' ').map((part) => part / 10000);
    const cell = { g, place, name: g.dataset.name, told: g.getAttribute('aria-label'), up: above[level - 1], parts: [] };
    cell.up?.parts.push(cell);
    above[level] = cell;
    return cell;
  });
};

const path = (cell) => (cell.up ? path(cell.up) + cell.name : '/');

const fitting = (name, w, h) => {
  const room = Math.floor((w - 8) / LETTER);
  return h < HEAD - EDGE || [...name].length > room ? '' : name;
};

const zoomable = (figure) => {
  const svg = figure.querySelector(':scope > svg');
  const cells = read(svg);
  const of = new Map(cells.map((cell) => [cell.g, cell]));
  const way = document.createElement('nav');
  way.className = 'way';
  way.setAttribute('aria-label', `Way in ${svg.getAttribute('aria-label')}`);
  svg.before(way);
  const told = document.createElement('p');
  told.className = 'told';
  svg.after(told);
  let here = cells[0];

  const tell = (cell) => {
    told.textContent = cell ? path(cell) + cell.told.slice(cell.name.length)
      : 'Click, or arrow keys and Enter, to zoom in; Escape to zoom out.';
  };

  const put = (cell, [x, y, w, h], depth) => {
    const { g } = cell;
    const [rect, text] = g.children;
    g.removeAttribute('display');
    for (const [name, value] of Object.entries({ x, y, width: w, height: h })) rect.setAttribute(name, Math.max(0, value));
    text.setAttribute('x', x + 4);
    text.setAttribute('y', y + 13);
    text.textContent = depth ? fitting(cell.name, w, h) : '';
    const [left, top, wide, high] = depth ? [x + EDGE, y + HEAD, w - 2 * EDGE, h - HEAD - EDGE] : [x, y, w, h];
    const open = cell.parts.length > 0 && depth < 2 && (!depth || (w > 3 * HEAD && h > 2 * HEAD));
    if (cell.parts.length) g.setAttribute('aria-expanded', open);
    if (!open) return;
    for (const part of cell.parts) {
      const [px, py, pw, ph] = part.place;
      put(part, [left + px * wide, top + py * high, pw * wide, ph * high], depth + 1);
    }
  };

  const crumbs = () => {
    const line = [];
    for (let at = here; at; at = at.up) line.unshift(at);
    way.replaceChildren();
    for (const cell of line) {
      if (cell === here) {
        make('span', cell.name, way).setAttribute('aria-current', 'location');
      } else {
        const button = make('button', cell.name, way);
        button.type = 'button';
        button.addEventListener('click', () => zoom(cell));
      }
    }
  };

  const aim = (cell, focus) => {
    for (const { g } of cells) g.setAttribute('tabindex', '-1');
    cell.g.setAttribute('tabindex', '0');
    if (focus) cell.g.focus();
  };

  const zoom = (cell, focus) => {
    here = cell;
    for (const { g } of cells) g.setAttribute('display', 'none');
    put(here, [0, 0, WIDTH, HEIGHT], 0);
    crumbs();
    aim(focus ?? here, Boolean(focus));
  };

  const shown = (cell) => cell && !cell.g.hasAttribute('display');
  const beside = (cell, step) => {
    const parts = cell.up?.parts ?? [];
    return parts[parts.indexOf(cell) + step];
  };
  const moves = {
    ArrowRight: (cell) => cell.parts[0],
    ArrowLeft: (cell) => cell.up,
    ArrowDown: (cell) => (cell === here ? cell.parts[0] : beside(cell, 1)),
    ArrowUp: (cell) => (cell === here ? undefined : beside(cell, -1)),
    Home: () => here,
    End: () => here.parts.at(-1),
  };

  svg.addEventListener('keydown', (event) => {
    const cell = of.get(event.target.closest('g'));
    if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Enter' || event.key === ' ') {
      if (cell !== here && cell.parts.length) zoom(cell, cell.parts[0]);
    } else if (event.key === 'Escape' || event.key === 'Backspace') {
      if (here.up) zoom(here.up, here);
    } else if (moves[event.key]) {
      const to = moves[event.key](cell);
      if (shown(to)) aim(to, true);
    } else {
      return;
    }
    event.preventDefault();
  });
  svg.addEventListener('click', (event) => {
    let cell = of.get(event.target.closest('g'));
    if (cell && !cell.parts.length) cell = cell.up;
    if (cell) zoom(cell === here && here.up && event.target.closest('g') === here.g ? here.up : cell);
  });
  svg.addEventListener('pointerover', (event) => tell(of.get(event.target.closest('g'))));
  svg.addEventListener('pointerleave', () => tell());
  svg.addEventListener('focusin', (event) => tell(of.get(event.target)));
  svg.addEventListener('focusout', () => tell());
  zoom(here);
  tell();
};

document.querySelectorAll('figure.map').forEach(zoomable);
