/* After a part of the page is replaced: where focus goes, what is said, what a failure shows. Loaded on every page.
   #status               the one status region outside main; what it holds on arrival is said again, so that it is heard
   [data-focus]          takes focus on arrival (an error summary); else the h1 does, after a replacement or when #status speaks
   #notice               where notices stand; <template data-notice="NAME"> holds the words of each
   Offers soundings.notice(name) (null clears) and soundings.ready(function), run now and after every replacement. */
window.soundings = {
  notice(name) {
    const slot = document.getElementById('notice'), words = document.querySelector(`template[data-notice="${name}"]`);
    if (!slot || slot.dataset.shows === String(name)) return;
    slot.dataset.shows = name;
    slot.replaceChildren(...(name && words ? [words.content.cloneNode(true)] : []));
  },
  ready(run) { run(); document.addEventListener('htmx:after:swap', run); },
};
{
  const main = () => document.getElementById('main');
  const settle = replaced => {
    const first = main()?.querySelector('[data-focus]') ?? (replaced && main()?.querySelector('h1'));
    if (!first) return;
    if (!first.hasAttribute('tabindex')) first.tabIndex = -1;
    first.focus({ preventScroll: !first.matches('[data-focus]') });
  };
  const status = document.getElementById('status'), said = [...status?.childNodes ?? []];
  if (said.length) {
    status.replaceChildren();
    setTimeout(() => status.append(...said), 120);
  }
  settle(said.length > 0);

  let slow;
  const busy = on => {
    clearTimeout(slow);
    main()?.toggleAttribute('aria-busy', on);
    if (on) { main()?.setAttribute('aria-busy', 'true'); slow = setTimeout(() => soundings.notice('loading'), 300); }
    else if (document.getElementById('notice')?.dataset.shows === 'loading') soundings.notice(null);
  };
  addEventListener('htmx:before:request', e => { if (e.detail.ctx.target === main()) busy(true); });
  addEventListener('htmx:finally:request', () => busy(false));
  addEventListener('htmx:before:swap', e => {
    const { ctx } = e.detail;
    if (ctx.target !== main() || (ctx.response.status < 500 && ctx.text.includes('id="main"'))) return;
    e.preventDefault();
    soundings.notice('not-saved');
  });
  addEventListener('htmx:after:swap', e => { if (e.detail.ctx.target?.id === 'main') settle(true); });
}
