// @ts-check
/** What every page of the studio has, and what lives on from page to page. */

import { BalanceDisplay } from "./balance.js";
import { byId } from "./dom.js";
import { OfflineMark } from "./offline.js";
import { PageLife } from "./page.js";
import { Router } from "./router.js";
import { EventSocket } from "./socket.js";
import { startTheme } from "./theme.js";
import { toastError } from "./toast.js";
import { WorkMarks } from "./work_marks.js";

/** The one socket of the studio; a page listens to it through its life. */
export const socket = new EventSocket(document.body.dataset.socketPath ?? "/");

/** The credits of who is signed in, as the header shows them. */
export const balance = new BalanceDisplay();

const marks = new WorkMarks();

/** @type {PageLife | null} */
let life = null;

const router = new Router({
  loss: () => life?.loss ?? "",
  leave: () => life?.end(),
  async enter(askedAt) {
    await startPage(askedAt);
    marks.showInTitle();
  },
});

/**
 * Start the module that the page names, if any; it may import this one.
 *
 * @param {number} [askedAt] when a page that follows another one was asked for
 */
async function startPage(askedAt) {
  const main = byId("main", HTMLElement);
  const own = new PageLife(main, socket, askedAt);
  life = own;
  if (!main.dataset.module) return;
  try {
    const module = /** @type {{start: (life: PageLife) => void}} */ (
      await import(main.dataset.module)
    );
    if (!own.isOver) module.start(own);
  } catch (error) {
    toastError(error);
  }
}

startTheme();
new OfflineMark(socket).start();
router.start();
socket.listen({
  onEvent(event) {
    balance.take(event);
    marks.take(event);
  },
  onSignedOut() {
    const next = encodeURIComponent(location.pathname + location.search);
    location.assign(`${document.body.dataset.signIn ?? "/"}?next=${next}`);
  },
});
// Signing out leads where the server says; that the session has ended must not lead elsewhere.
addEventListener("submit", ({ target, defaultPrevented }) => {
  const endsSession = target instanceof Element && target.matches("[data-ends-session]");
  if (endsSession && !defaultPrevented) socket.stop();
});

// After every module of the page had its chance to listen, so that no snapshot is missed.
const started = startPage();
addEventListener("DOMContentLoaded", () => void started.finally(() => socket.open()));
