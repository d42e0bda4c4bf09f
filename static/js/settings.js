/* Settings of this device, shown the moment they change. The server reads the same cookie, so no page flashes.
   html[data-theme|data-text|data-layout|data-keys]   the present settings
   [data-display="NAME"]   a radio whose value is the setting; or a tick box: its value when on, data-else when off */
{
  const root = document.documentElement, NAMES = { theme: 'auto', text: 'normal', layout: 'side', keys: 'on' };
  const now = () => Object.fromEntries(Object.keys(NAMES).map(name => [name, root.dataset[name] ?? NAMES[name]]));
  document.addEventListener('change', e => {
    const name = e.target.dataset?.display;
    if (!(name in NAMES)) return;
    const value = e.target.type === 'checkbox' && !e.target.checked ? e.target.dataset.else : e.target.value;
    if (name === 'theme' && value === 'auto') delete root.dataset.theme; else root.dataset[name] = value;
    document.cookie = `soundings_display=${new URLSearchParams(now())};path=/;max-age=31536000;samesite=lax`;
  });
  soundings.ready(() => document.querySelectorAll('[data-display][type=checkbox]').forEach(box => { box.checked = now()[box.dataset.display] === box.value; }));
}
