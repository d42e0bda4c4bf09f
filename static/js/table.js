/* Lists and tables of researchers. Needs keys.js.
   [data-search]     the field that / goes to
   [data-rows]       a table body or list; J and K move to the link of the next and the previous row in it
   [data-submits]    a select or tick box that sends its form when it changes; its form keeps a button for those without a script */
document.addEventListener('soundings:key', ({ detail: { key, event } }) => {
  if (key === '/') { const field = document.querySelector('[data-search]'); if (field) { event.preventDefault(); field.focus(); field.select(); } }
  if (key !== 'j' && key !== 'k') return;
  const links = [...document.querySelectorAll('[data-rows] > * ')].map(row => row.matches('a[href]') ? row : row.querySelector('a[href]')).filter(Boolean);
  const at = links.findIndex(link => link === document.activeElement || link.closest('tr, li')?.contains(document.activeElement));
  const next = links[at < 0 ? 0 : at + (key === 'j' ? 1 : -1)];
  if (next) { event.preventDefault(); next.focus(); }
});
document.addEventListener('change', e => { if (e.target.matches?.('[data-submits]')) e.target.form.requestSubmit(); });
