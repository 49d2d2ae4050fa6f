// @ts-check
import { recall, remember } from "./storage.js";

/** Wire the light, dark or system choice; `boot.js` applies it on the next page. */
export function startTheme() {
  const root = document.documentElement;
  const chosen = recall("theme") ?? "system";
  for (const input of document.querySelectorAll("#theme input")) {
    if (!(input instanceof HTMLInputElement)) continue;
    input.checked = input.value === chosen;
    input.addEventListener("change", () => {
      if (input.value === "system") {
        delete root.dataset.theme;
        remember("theme", null);
      } else {
        root.dataset.theme = input.value;
        remember("theme", input.value);
      }
    });
  }
}
