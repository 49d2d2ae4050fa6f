// @ts-check
/** What every page of the studio has: the theme, the account menu, the socket. */

import { BalanceDisplay } from "./balance.js";
import { byId } from "./dom.js";
import { PageLife } from "./page.js";
import { EventSocket } from "./socket.js";
import { startTheme } from "./theme.js";

const OFFLINE_AFTER_MS = 1500;

startTheme();

/** The one socket of this page; modules of a page listen to it. */
export const socket = new EventSocket(document.body.dataset.socketPath ?? "/");

/** The credits of who is signed in, as the header shows them. */
export const balance = new BalanceDisplay();

let offlineTimer = 0;
socket.listen({
  onEvent(event) {
    balance.take(event);
  },
  onStatus(online) {
    clearTimeout(offlineTimer);
    const mark = byId("connection", HTMLElement);
    // A blink is not worth a word: most reconnects take less than this.
    if (online) mark.hidden = true;
    else offlineTimer = setTimeout(() => (mark.hidden = false), OFFLINE_AFTER_MS);
  },
  onSignedOut() {
    const next = encodeURIComponent(location.pathname + location.search);
    location.assign(`${document.body.dataset.signIn ?? "/"}?next=${next}`);
  },
});
// Signing out leads where the server says; that the session has ended must not lead elsewhere.
for (const form of document.querySelectorAll("[data-ends-session]")) {
  form.addEventListener("submit", () => socket.stop());
}
/** Start the module that the page names, if any; never awaited here, since it imports this one. */
async function startPage() {
  const main = byId("main", HTMLElement);
  if (!main.dataset.module) return;
  const module = /** @type {{start: (life: PageLife) => void}} */ (
    await import(main.dataset.module)
  );
  module.start(new PageLife(main, socket));
}

// After every module of the page had its chance to listen, so that no snapshot is missed.
const started = startPage();
addEventListener("DOMContentLoaded", () => void started.finally(() => socket.open()));
