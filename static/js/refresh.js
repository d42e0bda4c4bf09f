/* A page that says so looks again every minute: only while it is visible and nobody is in the middle of something on it. */
(() => {
  const MINUTE = 60_000;
  const busy = (main) => main.querySelector('details[open]') || main.matches(':focus-within') || !getSelection().isCollapsed;
  setInterval(() => {
    const asked = document.querySelector('[data-refresh]');
    const main = document.getElementById('main');
    if (!asked || document.hidden || !main || busy(main)) return;
    htmx.ajax('GET', asked.dataset.refresh, { target: '#main', select: '#main', swap: 'outerHTML' });
  }, MINUTE);
})();
