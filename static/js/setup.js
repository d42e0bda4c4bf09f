/* On the set-up page the file beside the form follows the form while it is filled in, and the lines that differ from the saved
   file are marked. Without a script the file is what was saved last. */
(() => {
  const box = document.querySelector('[data-yaml]');
  if (!box) return;
  const saved = new Map();
  for (const line of box.textContent.split('\n')) saved.set(line, (saved.get(line) ?? 0) + 1);
  let waiting = 0;
  let asked = 0;

  const show = (text) => {
    const left = new Map(saved);
    box.replaceChildren(...text.split('\n').flatMap((line) => {
      const known = left.get(line) ?? 0;
      left.set(line, known - 1);
      const told = known > 0 ? document.createTextNode(line) : Object.assign(document.createElement('mark'), { textContent: line });
      return [told, document.createTextNode('\n')];
    }));
  };

  const ask = async (form) => {
    const mine = ++asked;
    const body = new URLSearchParams(new FormData(form));
    const answer = await fetch(form.dataset.setup, { method: 'POST', body }).catch(() => null);
    if (!answer || mine !== asked) return;
    const text = await answer.text();
    box.toggleAttribute('data-wrong', !answer.ok);
    if (answer.ok) show(text.trimEnd()); else box.textContent = text;
  };

  document.addEventListener('input', (event) => {
    const form = event.target.closest('form[data-setup]');
    if (!form) return;
    clearTimeout(waiting);
    waiting = setTimeout(() => ask(form), 250);
  });
})();
