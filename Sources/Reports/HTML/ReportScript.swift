/// The script of HTML reports. A report is complete without it; it adds sorting, searching and the choice of a theme.
enum ReportScript {
  static let text = """
    (() => {
    'use strict';
    const root = document.documentElement, theme = document.getElementById('theme');
    const themes = ['auto', 'light', 'dark'];
    let chosen = 0;
    const show = () => {
      if (chosen) root.dataset.theme = themes[chosen]; else delete root.dataset.theme;
      theme.textContent = 'Theme: ' + themes[chosen];
    };
    try { chosen = Math.max(themes.indexOf(localStorage.getItem('kmemreplay-theme')), 0); } catch { }
    theme.addEventListener('click', () => {
      chosen = (chosen + 1) % 3;
      try { localStorage.setItem('kmemreplay-theme', themes[chosen]); } catch { }
      show();
    });
    theme.hidden = false;
    show();

    const least = 15;
    const make = (name, properties, parent) => {
      const element = Object.assign(document.createElement(name), properties);
      if (parent) parent.append(element);
      return element;
    };
    for (const table of document.querySelectorAll('table[data-rows]')) {
      const body = table.tBodies[0], rows = [...body.rows], box = table.parentElement;
      const heads = [...table.tHead.rows[0].cells];
      const title = table.caption.firstChild.textContent.trim();
      let wanted = '', all = false;
      let more, found, tools;
      const apply = () => {
        let shown = 0, hits = 0;
        for (const row of body.rows) {
          const hit = !wanted || row.textContent.toLowerCase().includes(wanted);
          if (hit) hits++;
          const visible = hit && (all || shown < least);
          if (visible) shown++;
          row.hidden = !visible;
        }
        if (!tools) return;
        found.textContent = wanted ? hits + ' of ' + rows.length + ' match' : rows.length + ' rows';
        more.hidden = hits <= least;
        more.textContent = all ? 'Show fewer' : 'Show all ' + hits;
        more.setAttribute('aria-expanded', String(all));
      };
      if (rows.length > least) {
        tools = make('div', { className: 'tools' });
        const search = make('input', { type: 'search', placeholder: 'Search' }, tools);
        search.setAttribute('aria-label', 'Search in ' + title);
        search.addEventListener('input', () => { wanted = search.value.trim().toLowerCase(); apply(); });
        found = make('span', {}, tools);
        found.setAttribute('role', 'status');
        more = make('button', { type: 'button' }, tools);
        more.addEventListener('click', () => { all = !all; apply(); });
        box.before(tools);
      }
      const value = (row, column) => {
        const cell = row.cells[column];
        return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v);
      };
      heads.forEach((head, column) => {
        if (rows.length < 2) return;
        const label = head.firstElementChild;
        const button = make('button', { type: 'button', textContent: label.textContent, title: head.title });
        label.replaceWith(button);
        button.addEventListener('click', () => {
          const isNumber = head.classList.contains('n');
          const down = head.hasAttribute('aria-sort') ? head.getAttribute('aria-sort') === 'ascending' : isNumber;
          heads.forEach(other => other.removeAttribute('aria-sort'));
          head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
          const order = (a, b) => {
            const left = value(a, column), right = value(b, column);
            if (typeof left === 'number' && typeof right === 'number') return left - right;
            return String(left) < String(right) ? -1 : String(left) > String(right) ? 1 : 0;
          };
          const sorted = [...rows].sort((a, b) => (down ? -order(a, b) : order(a, b)) || rows.indexOf(a) - rows.indexOf(b));
          body.append(...sorted);
          apply();
        });
      });
      apply();
    }
    addEventListener('beforeprint', () => {
      for (const row of document.querySelectorAll('tr[hidden]')) row.hidden = false;
      for (const part of document.querySelectorAll('details')) part.open = true;
    });
    })();
    """
}
