/* A service worker for a person's pages: without a network, a reload shows the pair that is being compared, as this device kept it
   (draft.js puts it there, and takes it away). Nothing else is answered from here, and nothing while there is a network. */
const HEADERS = { 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': "default-src 'self'; object-src 'none'; base-uri 'none'" };
const kept = async (request, error) => {
  const found = await (await caches.open('soundings-pair')).match(request, { ignoreSearch: true, ignoreVary: true });
  if (!found) throw error;
  return new Response(`<!doctype html>${await found.text()}`, { headers: HEADERS });
};
addEventListener('install', () => skipWaiting());
addEventListener('activate', e => e.waitUntil(clients.claim()));
addEventListener('fetch', e => {
  if (e.request.mode === 'navigate' && e.request.method === 'GET') e.respondWith(fetch(e.request).catch(error => kept(e.request, error)));
});
