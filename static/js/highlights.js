/* Marking the words that mattered. Without a script each sentence is a row with a list of reasons; with one, people tap a
   sentence or select words and press H, and the same fields are sent.
   fieldset[data-marks]                  the rows; hidden where this runs
   [data-sentence][data-side=left|right] a row: data-start, data-end in code points of the stored text, its text within
                                         data-text; holds select[name=span] with values SIDE:START:END:TAG
   [data-answer=left|right]              the laid-out answer;   [data-mark-list]  where marks and their reasons stand
   template[data-mark]                   one mark: [data-words] for its words, input[type=radio][value=TAG] for reasons, [data-remove] */
{
  let rows, list, count = 0;
  const flat = text => text.replace(/\s+/g, ' ').trim();
  const place = (answer, words) => {
    const walk = document.createTreeWalker(answer, NodeFilter.SHOW_TEXT), nodes = [];
    let all = '';
    while (walk.nextNode()) for (let i = 0; i < walk.currentNode.data.length; i++) {
      const c = walk.currentNode.data[i];
      if (/\s/.test(c) && /\s$/.test(all)) continue;
      all += /\s/.test(c) ? ' ' : c; nodes.push([walk.currentNode, i]);
    }
    const at = words ? all.indexOf(words) : -1;
    if (at < 0) return null;
    const range = document.createRange();
    range.setStart(...nodes[at]);
    const [node, offset] = nodes[at + words.length - 1];
    range.setEnd(node, offset + 1);
    return range;
  };
  const draw = () => { if (!CSS.highlights) return; CSS.highlights.set('marked', new Highlight(...[...list.children].map(m => m.range).filter(Boolean))); };
  const add = (side, start, end, words, range) => {
    const id = `${side}:${start}:${end}`, there = [...list.children].find(m => m.dataset.id === id);
    if (there) { there.remove(); draw(); return; }
    const made = document.querySelector('template[data-mark]').content.firstElementChild.cloneNode(true);
    made.dataset.id = id; made.range = range;
    made.querySelectorAll('[data-words]').forEach(w => { w.textContent = words; });
    made.querySelectorAll('input[type=radio]').forEach(r => { r.name = `why-${++count}-${id}`; });
    made.querySelectorAll('input[type=radio]').forEach((r, _, all) => { r.name = all[0].name; });
    list.append(made); draw();
  };
  const points = text => [...text].length;
  const sentenceAt = (answer, x, y) => [...rows.querySelectorAll(`[data-sentence][data-side="${answer.dataset.answer}"]`)].find(row => {
    const range = place(answer, flat(row.dataset.plain ?? row.querySelector('[data-text]').textContent));
    return range && [...range.getClientRects()].some(r => x >= r.left && x <= r.right && y >= r.top && y <= r.bottom) && (row.range = range);
  });
  soundings.ready(() => { rows = document.querySelector('[data-marks]'); list = document.querySelector('[data-mark-list]'); if (!rows || !list) { rows = null; return; } (rows.closest('details') ?? rows).hidden = true; rows.querySelectorAll('select').forEach(s => { if (s.value) { const [side, a, b] = s.value.split(':'), text = s.closest('[data-sentence]').querySelector('[data-text]').textContent; add(side, a, b, text, place(document.querySelector(`[data-answer=${side}]`), flat(text))); s.value = ''; } }); });
  document.addEventListener('click', e => {
    if (e.target.closest?.('[data-remove]')) { e.target.closest('[data-id]').remove(); draw(); return; }
    const answer = rows && e.target.closest?.('[data-answer]');
    if (!answer || e.target.closest('a, button') || !getSelection().isCollapsed) return;
    const row = sentenceAt(answer, e.clientX, e.clientY);
    if (row) add(row.dataset.side, row.dataset.start, row.dataset.end, flat(row.querySelector('[data-text]').textContent), row.range);
  });
  document.addEventListener('soundings:key', ({ detail }) => {
    const picked = getSelection(), answer = rows && detail.key === 'h' && !picked.isCollapsed && picked.anchorNode.parentElement.closest('[data-answer]');
    if (!answer) return;
    const words = flat(picked.toString()), side = answer.dataset.answer;
    for (const row of rows.querySelectorAll(`[data-sentence][data-side="${side}"]`)) {
      const source = row.querySelector('[data-text]').textContent, at = source.indexOf(words);
      if (at < 0) continue;
      const start = Number(row.dataset.start) + points(source.slice(0, at));
      add(side, start, start + points(words), words, picked.getRangeAt(0).cloneRange());
      picked.removeAllRanges();
      return;
    }
  });
  addEventListener('formdata', e => { if (rows && list) for (const m of list.children) e.formData.append('span', `${m.dataset.id}:${m.querySelector('input:checked')?.value ?? m.dataset.tag ?? 'helped'}`); });
}
