/* Marking the words that mattered. Without a script each sentence is a row with a list of reasons; with one, people tap a
   sentence, or select words and press H, and the same field is sent: span = SIDE:START:END:TAG. Needs keys.js for H.
   [data-marks]            the rows, put away where this runs (with a details element around them)
   [data-sentence]         a row: data-side, data-start, data-end (code points of the stored text), data-stored (what stands
                           there), [data-text] (the same as people read it), select[name=span]
   [data-answer=SIDE]      the laid-out answer             [data-mark-list]   where marks stand with their reasons
   template[data-mark]     one mark: [data-words], input[type=radio] per reason, [data-remove] */
{
  let rows, list, made = 0;
  const flat = text => text.replace(/\s+/g, ' ').trim();
  const find = (answer, words) => {
    const walk = document.createTreeWalker(answer, NodeFilter.SHOW_TEXT), places = [];
    let all = '';
    while (walk.nextNode()) for (let i = 0; i < walk.currentNode.length; i++) {
      const c = walk.currentNode.data[i].replace(/\s/, ' ');
      if (c !== ' ' || !all.endsWith(' ')) { all += c; places.push([walk.currentNode, i]); }
    }
    const at = all.indexOf(words);
    if (at < 0) return null;
    const range = document.createRange(), [last, offset] = places[at + words.length - 1];
    range.setStart(...places[at]);
    range.setEnd(last, offset + 1);
    return range;
  };
  const draw = () => CSS.highlights?.set('marked', new Highlight(...[...list.children].map(m => m.range).filter(Boolean)));
  const toggle = (id, words, range, tag) => {
    const there = [...list.children].find(m => m.dataset.id === id);
    if (there) there.remove();
    else {
      const mark = document.querySelector('template[data-mark]').content.firstElementChild.cloneNode(true), name = `mark-${++made}`;
      Object.assign(mark.dataset, { id });
      mark.range = range;
      mark.querySelector('[data-words]').textContent = words;
      mark.querySelectorAll('[type=radio]').forEach(radio => { radio.name = name; radio.checked = radio.value === tag; });
      list.append(mark);
    }
    draw();
  };
  const read = row => flat(row.querySelector('[data-text]').textContent);
  const placed = row => find(document.querySelector(`[data-answer=${row.dataset.side}]`), read(row));
  const of = side => rows.querySelectorAll(`[data-sentence][data-side=${side}]`);
  const whole = (row, tag) => toggle(`${row.dataset.side}:${row.dataset.start}:${row.dataset.end}`, read(row), placed(row), tag);
  soundings.ready(() => {
    const found = document.querySelector('[data-marks]');
    if (found === rows) return;
    rows = found; list = document.querySelector('[data-mark-list]');
    if (!rows) return;
    (rows.closest('details') ?? rows).hidden = true;
    rows.querySelectorAll('select').forEach(choice => {
      if (choice.value) whole(choice.closest('[data-sentence]'), choice.value.split(':')[3]);
      choice.disabled = true;
    });
  });
  document.addEventListener('click', e => {
    if (e.target.closest?.('[data-remove]')) { e.target.closest('[data-id]').remove(); draw(); return; }
    const answer = rows && e.target.closest?.('[data-answer]');
    if (!answer || !getSelection().isCollapsed) return;
    const hit = r => e.clientX >= r.left && e.clientX <= r.right && e.clientY >= r.top && e.clientY <= r.bottom;
    const row = [...of(answer.dataset.answer)].find(one => [...placed(one)?.getClientRects() ?? []].some(hit));
    if (row) whole(row);
  });
  document.addEventListener('soundings:key', ({ detail }) => {
    const picked = getSelection(), answer = rows && detail.key === 'h' && !picked.isCollapsed && picked.anchorNode.parentElement.closest('[data-answer]');
    const words = answer && flat(picked.toString()), row = words && [...of(answer.dataset.answer)].find(one => read(one).includes(words));
    if (!row) return;
    const at = row.dataset.stored.indexOf(words), start = Number(row.dataset.start) + [...row.dataset.stored.slice(0, at)].length;
    if (at < 0) whole(row); else toggle(`${row.dataset.side}:${start}:${start + [...words].length}`, words, picked.getRangeAt(0).cloneRange());
    picked.removeAllRanges();
  });
  addEventListener('formdata', e => {
    if (rows && e.target.contains(rows)) for (const mark of list.children) e.formData.append('span', `${mark.dataset.id}:${mark.querySelector(':checked')?.value ?? 'helped'}`);
    for (const name of [...e.formData.keys()]) if (name.startsWith('mark-')) e.formData.delete(name);
  });
}
