// @ts-check
import { ApiError } from "./api.js";
import { byId, icon, make } from "./dom.js";
import { fill } from "./i18n.js";

const STAY_MS = 6000;
const MOST = 3;

/**
 * Show a message for a moment. Errors stay until they are closed: they may need to be copied.
 *
 * @param {string} text
 * @param {{kind?: "note" | "error", errorId?: string | undefined,
 *   act?: {text: string, run: () => void}}} [options] `act` is a button beside the words
 */
export function toast(text, { kind = "note", errorId, act } = {}) {
  const region = byId("toasts", HTMLElement);
  const words = make("span", { class: "toast__text" }, text);
  if (errorId) {
    const quote = fill(gettext("Error %(id)s"), { id: errorId });
    words.append(make("code", { class: "toast__id" }, quote));
  }
  const close = make("button", {
    type: "button",
    class: "button button--quiet button--icon",
    "aria-label": gettext("Close"),
  });
  close.append(icon("close"));
  const item = make(
    "div",
    { class: `toast toast--${kind}`, role: kind === "error" ? "alert" : "status" },
    icon(kind === "error" ? "alert" : "check"),
    words,
    close,
  );
  const remove = () => {
    item.remove();
    if (region.childElementCount === 0 && region.matches(":popover-open")) region.hidePopover();
  };
  close.addEventListener("click", remove);
  if (act) {
    const button = make("button", { type: "button", class: "button button--quiet" }, act.text);
    button.addEventListener("click", () => {
      remove();
      act.run();
    });
    words.after(button);
  }
  while (region.childElementCount >= MOST) region.firstElementChild?.remove();
  region.append(item);
  // Shown anew each time: the top layer is a stack, and a dialog may have opened since.
  if (region.matches(":popover-open")) region.hidePopover();
  region.showPopover();
  if (kind === "note") setTimeout(remove, STAY_MS);
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
