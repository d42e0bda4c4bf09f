/* The page where two answers are compared: the A/B switch on phones, how long it was really read, one sending at a time.
   form[data-ballot=SERVING]       the form; data-first-panel=a|b says which answer a phone shows first
   .pair, [data-top=a|b]           the row of answers and each answer;   [data-switch] a[href="#..."]   the switch
   [data-end=left|right]           the mark at the end of each answer
   [data-reasons-said=WORDS]       says WORDS once the optional questions open (role=status, hidden from sight)
   Sends `timing` (JSON) and `elapsed_ms` with the form. active_ms counts only while the page is visible, in focus, and had
   input in the last 30 s. */
{
  const IDLE = 30000, touch = matchMedia('(pointer: coarse)').matches, phone = matchMedia('(max-width: 46rem)');
  const device = !touch ? 'laptop' : Math.min(screen.width, screen.height) < 600 ? 'phone' : 'tablet';
  let form, seen, began, last = performance.now(), panel = 'a', watch;
  for (const kind of ['pointermove', 'pointerdown', 'keydown', 'scroll', 'wheel', 'touchstart']) addEventListener(kind, () => { last = performance.now(); }, { passive: true, capture: true });
  addEventListener('visibilitychange', () => { if (document.hidden && seen) seen.left_page++; });
  setInterval(() => {
    if (!form || document.hidden || !document.hasFocus() || performance.now() - last > IDLE) return;
    seen.active_ms += 250;
    if (phone.matches) seen.dwell[panel] = (seen.dwell[panel] ?? 0) + 250;
  }, 250);

  const show = side => {
    const row = form.querySelector('.pair').getBoundingClientRect(), card = form.querySelector(`[data-top=${side}]`).getBoundingClientRect();
    const behavior = matchMedia('(prefers-reduced-motion: reduce)').matches || !seen.ready ? 'instant' : 'smooth';
    form.querySelector('.pair').scrollBy({ left: card.left + card.width / 2 - row.left - row.width / 2, behavior });
  };
  const mark = side => {
    panel = side;
    form.querySelectorAll('[data-switch] a').forEach(a => { if (document.querySelector(a.hash)?.dataset.top === side) a.setAttribute('aria-current', 'true'); else a.removeAttribute('aria-current'); });
  };
  soundings.ready(() => {
    const found = document.querySelector('form[data-ballot]');
    if (found === form) return;
    watch?.disconnect();
    form = found;
    if (!form) return;
    began = last = performance.now();
    seen = { active_ms: 0, first_choice_ms: null, changes: 0, end_left: false, end_right: false, left_page: 0, dwell: {}, device, first_panel: phone.matches ? form.dataset.firstPanel ?? 'a' : null };
    if (phone.matches && form.dataset.firstPanel === 'b') show('b');
    seen.ready = true;
    const ends = new IntersectionObserver(all => all.forEach(e => { if (e.isIntersecting) seen[`end_${e.target.dataset.end}`] = true; }), { rootMargin: '0px 0px -60px 0px' });
    form.querySelectorAll('[data-end]').forEach(end => ends.observe(end));
    const cards = new IntersectionObserver(all => all.forEach(e => { if (e.isIntersecting && phone.matches) mark(e.target.dataset.top); }), { root: form.querySelector('.pair'), rootMargin: '9999px -40% 9999px -40%' });
    form.querySelectorAll('[data-top]').forEach(card => cards.observe(card));
    watch = { disconnect() { ends.disconnect(); cards.disconnect(); } };
  });
  document.addEventListener('click', e => {
    const link = e.target.closest?.('[data-switch] a');
    if (link && form && phone.matches && document.documentElement.dataset.layout !== 'stacked') { e.preventDefault(); show(document.querySelector(link.hash).dataset.top); }
  });
  document.addEventListener('change', e => {
    if (e.target.name !== 'choice' || e.target.form !== form) return;
    if (seen.first_choice_ms === null) seen.first_choice_ms = Math.round(performance.now() - began); else seen.changes++;
    const said = form.querySelector('[data-reasons-said]');
    if (said && !said.textContent) said.textContent = said.dataset.reasonsSaid;
    const unread = ['left', 'right'].find(side => !seen[`end_${side}`] && form.querySelector(`[data-end=${side}]`));
    if (unread && !sessionStorage.getItem('more-said')) { sessionStorage.setItem('more-said', '1'); soundings.notice(unread === 'left' ? 'more-a' : 'more-b'); }
  });
  addEventListener('formdata', e => {
    if (e.target !== form || !form) return;
    const { ready, ...timing } = seen;
    e.formData.set('timing', JSON.stringify(timing));
    e.formData.set('elapsed_ms', String(Math.round(performance.now() - began)));
  });
  const sending = on => { if (form) { form.toggleAttribute('data-sending', on); form.querySelectorAll('[type=submit]').forEach(b => b.setAttribute('aria-disabled', on)); } };
  addEventListener('submit', e => {
    if (e.target !== form) return;
    if (form.hasAttribute('data-sending')) { e.preventDefault(); e.stopImmediatePropagation(); } else sending(true);
  }, true);
  addEventListener('htmx:finally:request', () => sending(false));
  addEventListener('pageshow', () => sending(false));
}
