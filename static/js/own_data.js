// @ts-check
/** The page of one's own data: ask for the zip or for the end, and see how far it is. */

import { ApiError, requestDeletion, requestExport } from "./api.js";
import { byId, confirmed } from "./dom.js";
import { toastError } from "./toast.js";

/** @import {PageLife} from "./page.js" */

const POLL_MS = 2000;

/** @param {PageLife} life */
export function start(life) {
  const list = byId("requests", HTMLElement);
  const email = byId("email", HTMLInputElement);
  const emailError = byId("email-error", HTMLElement);
  let timer = 0;

  /** Show the requests as they are now, and again in a moment while one is under way. */
  async function refresh() {
    life.cancel(timer);
    try {
      const response = await fetch(location.pathname, { headers: { "HX-Request": "true" } });
      if (life.isOver) return;
      // Once the account is gone every page leads to the sign-in.
      if (response.redirected) location.assign(response.url);
      else if (response.ok) {
        const part = document.createRange().createContextualFragment(await response.text());
        list.replaceChildren(part);
      }
    } catch (error) {
      // Without a connection it is as it was, and is asked for again.
      console.warn(error);
    }
    poll();
  }

  function poll() {
    if (list.querySelector("[data-open]")) timer = life.later(() => void refresh(), POLL_MS);
  }

  /** @param {string} message */
  function showEmailError(message) {
    emailError.textContent = message;
    emailError.hidden = message === "";
    email.setAttribute("aria-invalid", String(message !== ""));
  }

  async function askForDeletion() {
    const yes = await confirmed({
      title: gettext("Delete your account?"),
      text: gettext("Everything in it is deleted for good."),
      yes: gettext("Delete my account"),
    });
    if (!yes) return;
    try {
      await requestDeletion(email.value);
      await refresh();
    } catch (error) {
      const message = error instanceof ApiError ? error.fields.email?.[0] : undefined;
      if (message === undefined) toastError(error);
      else {
        showEmailError(message);
        email.focus();
      }
    }
  }

  byId("export", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    requestExport().then(refresh, toastError);
  });
  byId("deletion", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    showEmailError("");
    void askForDeletion();
  });
  poll();
}
