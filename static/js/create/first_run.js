// @ts-check
/** The first minute: examples that become a picture with one press, where there was none ever yet. */

import { icon, make } from "../dom.js";

/** @import {Model} from "../types.js" */

const OFFERED = 3;

/**
 * Offer examples on the empty stage, if the page has a place for them; its words follow.
 *
 * @param {Model} model
 * @param {(prompt: string) => void} onChoose
 */
export function drawExamples(model, onChoose) {
  const place = document.getElementById("first-run");
  if (!place) return;
  const buttons = model.example_prompts.slice(0, OFFERED).map((prompt) => {
    const button = make("button", { class: "button stage__first", type: "button" });
    button.append(icon("brush"), make("span", {}, prompt));
    button.addEventListener("click", () => onChoose(prompt));
    return button;
  });
  place.replaceChildren(...buttons);
  const has = buttons.length > 0 ? "some" : "none";
  for (const words of document.querySelectorAll("[data-examples]")) {
    if (words instanceof HTMLElement) words.hidden = words.dataset.examples !== has;
  }
}
