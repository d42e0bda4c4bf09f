/* A drawing as a picture: [data-png] appears where there is a script, and saves the drawing of its figure as PNG, twice its size. */
(() => {
  const SCALE = 2;
  const show = (root) => root.querySelectorAll?.('[data-png][hidden]').forEach(link => { link.hidden = false; });
  async function picture(svg) {
    const [, , width, height] = svg.getAttribute('viewBox').split(' ').map(Number);
    const copy = svg.cloneNode(true);
    copy.setAttribute('width', width); copy.setAttribute('height', height);
    const image = new Image();
    image.src = 'data:image/svg+xml;charset=utf-8,' + encodeURIComponent(new XMLSerializer().serializeToString(copy));
    await image.decode();
    const canvas = document.createElement('canvas');
    canvas.width = width * SCALE; canvas.height = height * SCALE;
    const pen = canvas.getContext('2d');
    pen.fillStyle = '#fff'; pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(image, 0, 0, canvas.width, canvas.height);
    return canvas.toDataURL('image/png');
  }
  document.addEventListener('click', async (event) => {
    const link = event.target.closest?.('[data-png]');
    if (!link || link.href.startsWith('data:image/png')) return;
    event.preventDefault();
    link.href = await picture(link.closest('figure').querySelector('svg.plot'));
    link.click();
  });
  show(document);
  document.addEventListener('htmx:after:swap', () => show(document));
})();
