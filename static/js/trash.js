// @ts-check
/** The trash: count what is selected, and ask before anything goes for good. */

import { byId, confirmed } from "./dom.js";
import { selectedInWords } from "./selection.js";

/** @import {PageLife} from "./page.js" */

/** @param {PageLife} life */
export function start(life) {
  const form = document.getElementById("trash");
  if (form instanceof HTMLFormElement) countSelected(form, life);
  let isSure = false;

  life.root.addEventListener("submit", (event) => {
    const { submitter } = event;
    if (isSure || !(submitter instanceof HTMLButtonElement)) return;
    const question = questionOf(submitter.value);
    if (!question) return;
    event.preventDefault();
    void confirmed(question).then((answer) => {
      isSure = answer;
      if (isSure) submitter.form?.requestSubmit(submitter);
    });
  });
}

/**
 * @param {HTMLFormElement} form
 * @param {PageLife} life
 */
function countSelected(form, life) {
  const none = byId("trash-count", HTMLElement).textContent;

  const count = () => {
    const { length } = form.querySelectorAll("[name=image]:checked");
    byId("trash-count", HTMLElement).textContent = length > 0 ? selectedInWords(length) : none;
    for (const button of form.querySelectorAll("[data-of-selected]")) {
      if (button instanceof HTMLButtonElement) button.disabled = length === 0;
    }
  };

  form.addEventListener("change", count);
  // A browser that comes back to the page may have kept the marks.
  addEventListener("pageshow", count, { signal: life.signal });
  count();
}

/**
 * @param {string} act
 * @returns {Parameters<typeof confirmed>[0] | null} null if there is nothing to ask
 */
function questionOf(act) {
  if (act === "empty") {
    return {
      title: gettext("Empty the trash?"),
      text: gettext("All pictures and canvases in it go for good."),
      yes: gettext("Empty"),
    };
  }
  if (act !== "purge") return null;
  return {
    title: gettext("Delete for good?"),
    text: gettext("What is selected cannot be taken back any more."),
    yes: gettext("Delete"),
  };
}
