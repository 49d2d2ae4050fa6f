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
 * @returns {() => void} takes it away, for what it offers may be of use on one page alone
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
  return remove;
}

/**
 * @typedef {object} Stage how far something is
 * @property {string} text what is done now
 * @property {string} detail how much of how much, in words
 * @property {number} [done] unknown if it is left out
 * @property {number} total
 */

/**
 * Show how far something is, until it is removed or closed; neither stops it.
 *
 * @param {Stage} stage its words are said once to who listens; `tell` changes what is read
 * @param {{cancel: () => void}} options what ends it for good
 * @returns {{tell: (stage: Stage) => void, remove: () => void}}
 */
export function progressToast(stage, { cancel }) {
  const text = make("span");
  const detail = make("span", { class: "toast__detail" });
  const bar = make("progress", { class: "progress", "aria-label": stage.text });
  const item = make(
    "div",
    { class: "toast toast--progress", role: "group" },
    icon("download"),
    make("span", { class: "toast__text" }, text, detail),
  );
  const remove = removal(item);
  item.append(actButton({ text: gettext("Cancel"), run: cancel }, remove), closeButton(remove), bar);

  /** @param {Stage} now */
  function tell(now) {
    text.textContent = now.text;
    detail.textContent = now.detail;
    bar.max = now.total;
    if (now.done === undefined) bar.removeAttribute("value");
    else bar.value = now.done;
  }

  tell(stage);
  place(item);
  announce(`${stage.text} ${stage.detail}`);
  return { tell, remove };
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
