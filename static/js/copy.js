/* Copying to the clipboard.
   [data-copy="#ID"]     a button that copies the text or the value of that element; data-copied holds the words said after
   Buttons start hidden (attribute hidden) and are shown where copying works. */
soundings.ready(() => { if (navigator.clipboard) document.querySelectorAll('[data-copy][hidden]').forEach(b => { b.hidden = false; }); });
document.addEventListener('click', async e => {
  const button = e.target.closest?.('[data-copy]'), source = button && document.querySelector(button.dataset.copy);
  if (!source) return;
  await navigator.clipboard.writeText(source.value ?? source.textContent);
  document.getElementById('status').textContent = button.dataset.copied ?? '';
});
