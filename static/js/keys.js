/* Single keys. Off with html[data-keys=off], in text fields, with Ctrl, Alt or Meta, and while a dialog is open. None
   deletes, skips, or submits from the page body.
   [data-ballot] input[aria-keyshortcuts=KEY]   chosen by that key
   [data-undo]          the form that Z sends      [data-reasons]   where R goes, when it shows
   [data-top=a|b]       an answer, for [ and ]     [data-go=LETTER] where G and then LETTER lead
   [data-opens=ID]      a link that opens the dialog ID where there is a script; ? opens #keys
   Other keys are passed on as the event soundings:key with detail.key. */
{
  const find = query => document.querySelector(query);
  const shown = element => element?.getClientRects().length > 0;
  const typing = at => at.closest?.('textarea, select, [contenteditable], input:not([type=radio], [type=checkbox], [type=button], [type=submit])');
  const open = id => { const dialog = document.getElementById(id); if (!dialog?.showModal) return false; dialog.showModal(); return true; };
  const top = side => {
    const answer = find(`[data-top="${side}"]`), heading = answer?.querySelector('h2');
    if (!answer) return;
    answer.scrollIntoView({ block: 'start', inline: 'center' });
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  };
  const does = {
    '?': () => open('keys'),
    z: () => find('[data-undo]')?.requestSubmit(),
    r: () => [...document.querySelectorAll('[data-reasons] :is(input, textarea)')].find(shown)?.focus(),
    '[': () => top('a'),
    ']': () => top('b'),
  };
  let going = 0;
  addEventListener('keydown', e => {
    if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || e.isComposing || typing(e.target)) return;
    if (e.key === 'Enter' && e.target.matches('[data-ballot] [name=choice]')) { e.preventDefault(); if (!e.repeat) e.target.form.requestSubmit(); return; }
    if (document.documentElement.dataset.keys === 'off' || e.repeat || e.key.length > 1 || find('dialog[open]')) return;
    const key = e.key.toLowerCase(), choice = /[0-9]/.test(key) && find(`[data-ballot] input[aria-keyshortcuts="${key}"]`);
    const place = performance.now() - going < 1500 && find(`[data-go="${CSS.escape(key)}"]`);
    if (place) { e.preventDefault(); place.click(); return; }
    if (key === 'g') going = performance.now();
    if (choice) { e.preventDefault(); choice.focus({ preventScroll: true }); choice.click(); }
    else if (does[key]) { e.preventDefault(); does[key](); }
    else document.dispatchEvent(new CustomEvent('soundings:key', { detail: { key, event: e } }));
  });
  document.addEventListener('click', e => {
    const opener = e.target.closest?.('[data-opens]');
    if (opener && !e.ctrlKey && !e.metaKey && !e.shiftKey && open(opener.dataset.opens)) e.preventDefault();
  });
}
