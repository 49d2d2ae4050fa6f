// @ts-check
/** The page of other image services: ask before a key is deleted. */

import { confirmed } from "./dom.js";
import { fill } from "./i18n.js";

/** @import {PageLife} from "./page.js" */

/**
 * @param {HTMLFormElement} form
 * @param {string} name of the service
 */
async function deleteKey(form, name) {
  const sure = await confirmed({
    title: gettext("Delete this key?"),
    text: fill(
      gettext("Waiting pictures of %(name)s that were to be made by it will fail and cost nothing."),
      { name },
    ),
    yes: gettext("Delete"),
  });
  // `submit` does not ask again: it sends no event.
  if (sure) form.submit();
}

/** @param {PageLife} life */
export function start(life) {
  life.root.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.dataset.deleteKey === undefined) return;
    event.preventDefault();
    void deleteKey(form, form.dataset.deleteKey);
  });
}
