// @ts-check
/** The page of the queue: shown anew whenever the socket tells of a change, and now and then. */

/** @import {PageLife} from "./page.js" */

// Others come and go, which the socket does not tell.
const POLL_MS = 15_000;
// A batch tells of each of its jobs.
const PAUSE_MS = 500;

/** @param {PageLife} life */
export function start(life) {
  let timer = 0;

  /** @param {number} delayMs */
  function refreshIn(delayMs) {
    life.cancel(timer);
    timer = life.later(() => void refresh(), delayMs);
  }

  async function refresh() {
    refreshIn(POLL_MS);
    if (document.hidden || document.activeElement?.closest("#queue button")) return;
    // It is shown anew when the connection is back.
    if (!life.isOnline) return;
    // It was read out when it came, and answers what its reader did: only the next act ends it.
    const refusal = document.querySelector("#queue .queue__notice--bad");
    try {
      await htmx.ajax("GET", location.pathname, { target: "#queue", swap: "outerHTML" });
      refusal?.removeAttribute("role");
      if (refusal) document.querySelector("#queue .page-head")?.after(refusal);
    } catch (error) {
      // It stays as it is until the next time.
      console.warn(error);
    }
  }

  life.listen({
    onEvent(event) {
      if (event.type === "queue" || event.type === "snapshot") refreshIn(PAUSE_MS);
    },
  });
  refreshIn(POLL_MS);
}
