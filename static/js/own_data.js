// @ts-check
/** The page of one's own data: ask for the zip or for the end, and see how far it is. */

import { ApiError, requestDeletion, requestExport } from "./api.js";
import { byId, confirmed } from "./dom.js";
import "./shell.js";
import { toastError } from "./toast.js";

const POLL_MS = 2000;

const list = byId("requests", HTMLElement);
const email = byId("email", HTMLInputElement);
const emailError = byId("email-error", HTMLElement);
let timer = 0;

/** Show the requests as they are now, and again in a moment while one is under way. */
async function refresh() {
  clearTimeout(timer);
  const response = await fetch(location.pathname, { headers: { "HX-Request": "true" } });
  // Once the account is gone every page leads to the sign-in.
  if (response.redirected) location.assign(response.url);
  else if (response.ok) {
    list.replaceChildren(document.createRange().createContextualFragment(await response.text()));
  }
  poll();
}

function poll() {
  if (list.querySelector("[data-open]")) timer = setTimeout(() => void refresh(), POLL_MS);
}

/** @param {string} message */
function showEmailError(message) {
  emailError.textContent = message;
  emailError.hidden = message === "";
  email.setAttribute("aria-invalid", String(message !== ""));
}

byId("export", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  requestExport().then(refresh, toastError);
});

byId("deletion", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  showEmailError("");
  void confirmed({
    title: gettext("Delete your account?"),
    text: gettext("Everything in it is deleted for good."),
    yes: gettext("Delete my account"),
  }).then((yes) => {
    if (!yes) return;
    requestDeletion(email.value).then(refresh, (/** @type {unknown} */ error) => {
      const message = error instanceof ApiError ? error.fields.email?.[0] : undefined;
      if (message === undefined) toastError(error);
      else {
        showEmailError(message);
        email.focus();
      }
    });
  });
});

poll();
