// @ts-check
/** The page of the queue: shown anew whenever the socket tells of a change, and now and then. */

import { socket } from "./shell.js";

// Others come and go, which the socket does not tell.
const POLL_MS = 15_000;
// A batch tells of each of its jobs.
const PAUSE_MS = 500;

let timer = 0;

async function refresh() {
  clearTimeout(timer);
  timer = setTimeout(() => void refresh(), POLL_MS);
  if (document.hidden || document.activeElement?.closest("#queue button")) return;
  await htmx.ajax("GET", location.pathname, { target: "#queue", swap: "outerHTML" });
}

socket.listen({
  onEvent(event) {
    if (event.type !== "queue") return;
    clearTimeout(timer);
    timer = setTimeout(() => void refresh(), PAUSE_MS);
  },
});
timer = setTimeout(() => void refresh(), POLL_MS);
