// @ts-check
/** The page of settings: the appearance, and what this browser remembers. */

import { byId } from "./dom.js";
import { fill, formatNumber } from "./i18n.js";
import { forget, remembered, restore } from "./storage.js";
import { toast } from "./toast.js";

/** @import {PageLife} from "./page.js" */

/** What is chosen on this page itself is no memory of work. */
const CHOSEN_HERE = ["theme"];

/** @param {PageLife} life */
export function start(life) {
  startAppearance(life);
  startMemory(life);
}

/**
 * Keep the choice of this page and the one in the menu, which is what acts, alike.
 *
 * @param {PageLife} life
 */
function startAppearance(life) {
  const here = byId("own-theme", HTMLElement);
  const menu = byId("theme", HTMLElement);
  const mirror = () => copyChoice(menu, here);
  menu.addEventListener("change", mirror, { signal: life.signal });
  here.addEventListener("change", () => copyChoice(here, menu), { signal: life.signal });
  mirror();
}

/**
 * @param {HTMLElement} from a group of radios
 * @param {HTMLElement} to another with the same values
 */
function copyChoice(from, to) {
  const chosen = from.querySelector("input:checked");
  if (!(chosen instanceof HTMLInputElement)) return;
  const same = to.querySelector(`input[value="${chosen.value}"]`);
  if (!(same instanceof HTMLInputElement) || same.checked) return;
  same.checked = true;
  same.dispatchEvent(new Event("change", { bubbles: true }));
}

/** @param {PageLife} life */
function startMemory(life) {
  const words = byId("remembered", HTMLElement);
  const button = byId("forget", HTMLButtonElement);

  function show() {
    const count = remembered(CHOSEN_HERE).size;
    button.disabled = count === 0;
    words.textContent =
      count === 0
        ? gettext("There is nothing at the moment.")
        : fill(ngettext("%(count)s thing is kept.", "%(count)s things are kept.", count), {
            count: formatNumber(count),
          });
  }

  button.addEventListener(
    "click",
    () => {
      const kept = remembered(CHOSEN_HERE);
      forget(kept.keys());
      show();
      toast(gettext("Forgotten: the studio begins anew in this browser."), {
        act: {
          text: gettext("Undo"),
          run: () => {
            restore(kept);
            // The toast may outlive the page.
            if (words.isConnected) show();
          },
        },
      });
    },
    { signal: life.signal },
  );
  show();
}
