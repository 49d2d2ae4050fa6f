// @ts-check
/** The help page: find answers by words, while one types. */

import { byId } from "./dom.js";
import { fill, formatNumber } from "./i18n.js";

/** @import {PageLife} from "./page.js" */

/**
 * @param {string} text
 * @returns {string} what words are compared by
 */
function plain(text) {
  return text.normalize("NFC").toLocaleLowerCase();
}

/** @param {PageLife} life */
export function start(life) {
  const words = byId("help-search", HTMLInputElement);
  const answers = [...byId("help-answers", HTMLElement).querySelectorAll("section")].map(
    (element) => ({
      element,
      text: plain(element.textContent),
      link: document.querySelector(`.help__link[href="#${element.id}"]`)?.parentElement,
    }),
  );

  function find() {
    const wanted = plain(words.value).split(/\s+/).filter(Boolean);
    let found = 0;
    for (const { element, text, link } of answers) {
      const fits = wanted.every((word) => text.includes(word));
      element.hidden = !fits;
      if (link) link.hidden = !fits;
      if (fits) found += 1;
    }
    byId("help-nothing", HTMLElement).hidden = found > 0;
    byId("help-found", HTMLElement).textContent =
      wanted.length === 0
        ? ""
        : fill(ngettext("%(count)s answer", "%(count)s answers", found), {
            count: formatNumber(found),
          });
  }

  function showAll() {
    words.value = "";
    find();
  }

  words.addEventListener("input", find, { signal: life.signal });
  byId("help-all", HTMLElement).addEventListener(
    "click",
    () => {
      showAll();
      words.focus();
    },
    { signal: life.signal },
  );
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.isComposing) return;
      const isElsewhere = !(event.target instanceof HTMLInputElement);
      if (event.key === "/" && isElsewhere && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        words.focus();
      } else if (event.key === "Escape" && event.target === words) showAll();
    },
    { signal: life.signal },
  );
  find();
}
