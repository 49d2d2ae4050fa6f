// @ts-check
/** What pages of staff share: "/" goes to the search, and the theme is the studio's. */
import { recall, remember } from "./storage.js";

/** @param {EventTarget | null} target */
function isWrittenIn(target) {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName))
  );
}

/** @param {KeyboardEvent} event */
function focusSearch(event) {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isWrittenIn(event.target)) return;
  // The list that is on the page is nearer than all there is.
  const search = document.querySelector("#searchbar") ?? document.querySelector("#staff-find");
  if (!(search instanceof HTMLInputElement)) return;
  event.preventDefault();
  search.focus();
  search.select();
}

function startThemeChoice() {
  const choice = document.querySelector("#staff-theme");
  if (!(choice instanceof HTMLSelectElement)) return;
  const root = document.documentElement;
  choice.value = recall("theme") ?? "system";
  choice.addEventListener("change", () => {
    if (choice.value === "system") {
      delete root.dataset.theme;
      remember("theme", null);
    } else {
      root.dataset.theme = choice.value;
      remember("theme", choice.value);
    }
  });
}

document.addEventListener("keydown", focusSearch);
startThemeChoice();
