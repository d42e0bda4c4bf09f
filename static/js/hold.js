/* A pair is held for a person for as long as they read. While the page is visible and in use its hold is renewed; two
   minutes before the end it asks "Still reading?", answered by any key, click or scroll. There is never a countdown.
   form[data-hold-url]           takes a POST that renews; 200 with {"seconds_left": N}, anything else is left to the save
   form[data-hold-seconds=N]     how long the hold runs from now
   Notice used: still-reading (its button needs no hook: any click answers). */
{
  let form, ends, last = performance.now(), sent = 0, asked = false;
  const whole = () => Number(form.dataset.holdSeconds) * 1000;
  const renew = async () => {
    const mine = form;
    sent = performance.now();
    try {
      const answer = await fetch(mine.dataset.holdUrl, { method: 'POST', headers: { Accept: 'application/json' } });
      if (answer.ok && mine === form) ends = performance.now() + (await answer.json()).seconds_left * 1000;
    } catch {}
  };
  const active = () => {
    last = performance.now();
    if (asked) { asked = false; soundings.notice(null); renew(); }
  };
  for (const kind of ['keydown', 'pointerdown', 'scroll', 'wheel', 'touchstart']) addEventListener(kind, active, { passive: true, capture: true });
  soundings.ready(() => {
    const found = document.querySelector('form[data-hold-url]');
    if (found === form) return;
    form = found; asked = false; sent = last = performance.now();
    if (form) ends = sent + whole();
  });
  setInterval(() => {
    if (!form || document.hidden) return;
    const now = performance.now(), step = Math.min(60000, whole() / 4), left = ends - now;
    if (left <= 0) return;
    if (last > sent && now - sent >= step) renew();
    else if (left <= Math.min(120000, whole() / 2) && last <= sent && !asked) { asked = true; soundings.notice('still-reading'); }
  }, 1000);
}
