// @ts-check
/** The page of API keys: copy a new one, ask before one is revoked. */

import { byId, confirmed } from "./dom.js";
import { fill } from "./i18n.js";
import { toast } from "./toast.js";

/** @import {PageLife} from "./page.js" */

async function copySecret() {
  const secret = byId("secret", HTMLInputElement);
  try {
    await navigator.clipboard.writeText(secret.value);
    toast(gettext("The key is copied."));
  } catch {
    // Without the right to the clipboard the selection is one keystroke from being copied.
    secret.select();
  }
}

/**
 * @param {HTMLFormElement} form
 * @param {string} name
 */
async function revoke(form, name) {
  const sure = await confirmed({
    title: gettext("Revoke this key?"),
    text: fill(gettext("Programs that use “%(name)s” stop working at once, for good."), { name }),
    yes: gettext("Revoke"),
  });
  // `submit` does not ask again: it sends no event.
  if (sure) form.submit();
}

/** @param {PageLife} life */
export function start(life) {
  document.getElementById("copy")?.addEventListener("click", () => void copySecret());
  life.root.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.dataset.revoke === undefined) return;
    event.preventDefault();
    void revoke(form, form.dataset.revoke);
  });
}
