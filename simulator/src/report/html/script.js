'use strict';
// Filters, and nothing else: the page says all of it without this script.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (id) => document.getElementById(id);
  all('.scripted').forEach((part) => { part.hidden = false; });
  const words = (input) => (input ? input.value.toLowerCase().split(/\s+/).filter(Boolean) : []);
  const has = (text, wanted) => wanted.every((word) => text.toLowerCase().includes(word));
  const onInput = (id, act) => { const box = one(id); if (box) box.addEventListener('input', act); };

  const matrix = document.querySelector('#matrix table.matrix');
  const filterMatrix = () => {
    const journals = words(one('journal-filter'));
    const devices = words(one('device-filter'));
    const heads = all('thead th', matrix).map((head) => has(head.textContent, devices));
    all('thead th', matrix).forEach((head, i) => { head.hidden = !heads[i]; });
    let shown = 0;
    all('tbody tr', matrix).forEach((row) => {
      row.hidden = !has(row.dataset.name, journals);
      shown += row.hidden ? 0 : 1;
      all('td', row).forEach((cell, i) => { cell.hidden = !heads[i]; });
    });
    const narrowed = journals.length + devices.length > 0;
    one('filtered').value = narrowed ? `${shown} journals, ${heads.filter(Boolean).length} devices` : '';
  };
  if (matrix) ['journal-filter', 'device-filter'].forEach((id) => onInput(id, filterMatrix));

  const cards = all('#findings details.card');
  onInput('finding-filter', () => {
    const wanted = words(one('finding-filter'));
    cards.forEach((card) => { card.hidden = !has(card.dataset.text, wanted); });
    one('found').value = wanted.length ? `${cards.filter((card) => !card.hidden).length} findings` : '';
  });
  const button = one('open-all');
  if (button) button.addEventListener('click', () => {
    const open = !cards.every((card) => card.open || card.hidden);
    cards.forEach((card) => { if (!card.hidden) card.open = open; });
    button.textContent = open ? 'Close all' : 'Open all';
  });

  onInput('strategy-filter', () => {
    const wanted = words(one('strategy-filter'));
    let shown = 0;
    all('#grid-rows tr').forEach((row) => {
      row.hidden = !has(row.textContent, wanted);
      shown += row.hidden ? 0 : 1;
    });
    one('strategies-found').value = wanted.length ? `${shown} strategies` : '';
  });

  // A link into a card opens it, also in browsers that do not do so by themselves.
  const reveal = () => {
    const target = location.hash.length > 1 && one(location.hash.slice(1));
    const card = target && target.closest('details');
    if (!card) return;
    card.hidden = false;
    card.open = true;
    target.scrollIntoView();
  };
  addEventListener('hashchange', reveal);
  reveal();
})();
