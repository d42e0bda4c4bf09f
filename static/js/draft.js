/* A choice is never lost: it is kept on this device under its serving until the server has it, and sent again when the
   connection is back. One is kept, and its page for a reload without a network (offline.js).
   form[data-ballot=SERVING]     its fields are kept; data-fresh allows what was kept to be filled in again
   Stands before ballot.js, so that a form that cannot be sent is never marked as being sent.
   Notices used: offline, online, draft, not-saved. The server knows a choice it already has by the client_token field. */
{
  const KEY = 'soundings:draft', ballot = () => document.querySelector('form[data-ballot]');
  const read = () => { try { return JSON.parse(localStorage.getItem(KEY)); } catch { return null; } };
  const write = draft => { try { if (draft) localStorage.setItem(KEY, JSON.stringify(draft)); else localStorage.removeItem(KEY); } catch {} };
  const WORKER = new URL('offline.js', document.currentScript.src), PAIR = 'soundings-pair';
  const hold = async form => {
    if (!navigator.onLine) return;
    await caches.delete(PAIR);
    if (!form?.hasAttribute('data-fresh')) return;
    await navigator.serviceWorker.register(WORKER, { scope: '/s/' });
    (await caches.open(PAIR)).put(form.action, new Response(document.documentElement.outerHTML));
  };
  const keep = (form, waiting) => write({ id: form.dataset.ballot, action: form.action, fields: [...new FormData(form)], waiting });

  const fill = (form, fields) => {
    const given = new Map();
    for (const [name, value] of fields) given.set(name, [...(given.get(name) ?? []), value]);
    for (const field of form.elements) {
      const values = given.get(field.name);
      if (field.type === 'radio' || field.type === 'checkbox') field.checked = values?.includes(field.value) ?? false;
      else if (values && (field.tagName === 'TEXTAREA' || field.tagName === 'SELECT' || field.type === 'number' || field.type === 'text')) field.value = values.shift() ?? '';
    }
    form.querySelector('[name=choice]:checked')?.dispatchEvent(new Event('change', { bubbles: true }));
  };
  const resend = async () => {
    const draft = read();
    if (!draft?.waiting || !navigator.onLine) return;
    write({ ...draft, waiting: false });
    try {
      const answer = await fetch(draft.action, { method: 'POST', body: new URLSearchParams(draft.fields) });
      if (!answer.ok && answer.status !== 409) throw new Error(String(answer.status));
      write(null);
      sessionStorage.setItem('back-on', '1');
      location.assign(answer.status === 409 ? location.href : answer.url);
    } catch {
      write({ ...draft, waiting: !navigator.onLine });
      soundings.notice(navigator.onLine ? 'not-saved' : 'offline');
    }
  };
  soundings.ready(() => {
    const form = ballot(), draft = read();
    hold(form).catch(() => {});
    if (sessionStorage.getItem('back-on')) { sessionStorage.removeItem('back-on'); soundings.notice('online'); }
    if (!draft || draft.waiting) { resend(); if (!draft || draft.id !== form?.dataset.ballot) return; }
    else if (form && draft.id !== form.dataset.ballot) { write(null); return; }
    if (form?.hasAttribute('data-fresh') && !form.dataset.filled) { form.dataset.filled = '1'; setTimeout(() => { fill(form, draft.fields); soundings.notice(draft.waiting && !navigator.onLine ? 'offline' : 'draft'); }); }
  });
  for (const kind of ['input', 'change']) document.addEventListener(kind, e => { const form = e.target.form; if (form && form === ballot()) { const old = read(); keep(form, old?.id === form.dataset.ballot && old.waiting); } });
  const wait = form => { keep(form, true); soundings.notice('offline'); };
  addEventListener('submit', e => {
    const form = ballot();
    if (e.target !== form || !form || navigator.onLine || !form.querySelector('[name=choice]:checked')) return;
    e.preventDefault();
    e.stopImmediatePropagation();
    wait(form);
  }, true);
  addEventListener('htmx:error', e => { const form = ballot(); if (form && e.target === form && form.querySelector('[name=choice]:checked')) wait(form); });
  addEventListener('online', resend);
  addEventListener('offline', () => soundings.notice('offline'));
}
