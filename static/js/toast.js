// @ts-check
import { ApiError } from "./api.js";
import { announce, byId, icon, make } from "./dom.js";
import { fill } from "./i18n.js";

const STAY_MS = 6000;
const MOST = 3;

/** @typedef {{text: string, run: () => void}} Act a button beside the words */

/**
 * Show a message for a moment. Errors stay until they are closed: they may need to be copied.
 *
 * @param {string} text
 * @param {{kind?: "note" | "error", errorId?: string | undefined, act?: Act, stays?: boolean}}
 *   [options] `stays` until it is closed
 */
export function toast(text, { kind = "note", errorId, act, stays = kind === "error" } = {}) {
  const words = make("span", { class: "toast__text" }, text);
  if (errorId) {
    const quote = fill(gettext("Error %(id)s"), { id: errorId });
    words.append(make("code", { class: "toast__id" }, quote));
  }
  const item = make(
    "div",
    { class: `toast toast--${kind}`, role: kind === "error" ? "alert" : "status" },
    icon(kind === "error" ? "alert" : "check"),
    words,
  );
  const remove = removal(item);
  if (act) item.append(actButton(act, remove));
  item.append(closeButton(remove));
  place(item);
  if (!stays) setTimeout(remove, STAY_MS);
}

/**
 * Show how far something is, until it is removed or closed; neither stops it.
 *
 * @param {string} text what it is, said once to who listens; `tell` changes what is read
 * @param {{cancel: () => void}} options what ends it for good
 * @returns {{tell: (text: string, done?: number, total?: number) => void, remove: () => void}}
 *   without numbers nobody knows how long it takes
 */
export function progressToast(text, { cancel }) {
  const words = make("span", {}, text);
  const bar = make("progress", { class: "progress", "aria-label": text });
  const item = make(
    "div",
    { class: "toast toast--progress", role: "group" },
    icon("download"),
    make("span", { class: "toast__text" }, words, bar),
  );
  const remove = removal(item);
  item.append(actButton({ text: gettext("Cancel"), run: cancel }, remove), closeButton(remove));
  place(item);
  announce(text);
  return {
    tell(now, done, total) {
      words.textContent = now;
      if (done === undefined || !total) bar.removeAttribute("value");
      else {
        bar.max = total;
        bar.value = done;
      }
    },
    remove,
  };
}

/** @param {HTMLElement} item */
function place(item) {
  const region = byId("toasts", HTMLElement);
  // What is still under way is not pushed out by what has been said.
  const told = [...region.querySelectorAll(".toast:not(.toast--progress)")];
  for (const old of told.slice(0, Math.max(0, region.childElementCount - MOST + 1))) old.remove();
  region.append(item);
  // Shown anew each time: the top layer is a stack, and a dialog may have opened since.
  if (region.matches(":popover-open")) region.hidePopover();
  region.showPopover();
}

/**
 * @param {HTMLElement} item
 * @returns {() => void} takes it away, and the region with the last one
 */
function removal(item) {
  return () => {
    const region = byId("toasts", HTMLElement);
    item.remove();
    if (region.childElementCount === 0 && region.matches(":popover-open")) region.hidePopover();
  };
}

/**
 * @param {Act} act
 * @param {() => void} remove
 */
function actButton(act, remove) {
  const button = make("button", { type: "button", class: "button button--quiet" }, act.text);
  button.addEventListener("click", () => {
    remove();
    act.run();
  });
  return button;
}

/** @param {() => void} remove */
function closeButton(remove) {
  const close = make("button", {
    type: "button",
    class: "button button--quiet button--icon",
    "aria-label": gettext("Close"),
  });
  close.append(icon("close"));
  close.addEventListener("click", remove);
  return close;
}

/**
 * Show what went wrong, in the words of the API where it gave some.
 *
 * @param {unknown} error
 */
export function toastError(error) {
  if (error instanceof ApiError) {
    toast(error.message, { kind: "error", errorId: error.errorId });
    return;
  }
  console.warn(error);
  toast(gettext("Something went wrong in this page. Please reload it."), { kind: "error" });
}
