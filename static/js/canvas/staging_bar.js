// @ts-check
/** The buttons beneath results that wait for a choice. */

import { fill } from "../i18n.js";
import { find } from "./elements.js";

/** @import {PageLife} from "../page.js" */
/** @import {Desk} from "./desk.js" */

export class StagingBar {
  #desk;
  #bar;

  /**
   * @param {Desk} desk
   * @param {HTMLElement} root
   * @param {PageLife} life
   */
  constructor(desk, root, life) {
    this.#desk = desk;
    this.#bar = find(root, "[data-part=staging]", HTMLElement);
    const { signal } = life;
    this.#bar.addEventListener("click", (event) => this.#click(event), { signal });
    const compare = this.#button("compare");
    compare.addEventListener("pointerdown", () => desk.staging.compare(true), { signal });
    for (const end of ["pointerup", "pointercancel", "pointerleave", "blur", "keyup"]) {
      compare.addEventListener(end, () => desk.staging.compare(false), { signal });
    }
    compare.addEventListener(
      "keydown",
      ({ key }) => {
        if (key === " " || key === "Enter") desk.staging.compare(true);
      },
      { signal },
    );
    desk.listen(({ type }) => {
      if (type === "staging") this.#show();
    });
    this.#show();
  }

  /** @param {string} act */
  #button(act) {
    return find(this.#bar, `[data-stage=${act}]`, HTMLButtonElement);
  }

  /** @param {Event} event */
  #click({ target }) {
    const button = target instanceof Element ? target.closest("button") : null;
    const { staging } = this.#desk;
    const act = button?.dataset.stage;
    if (act === "previous") staging.step(-1);
    if (act === "next") staging.step(1);
    if (act === "accept") staging.accept();
    if (act === "discard") staging.discard();
  }

  #show() {
    const { staging } = this.#desk;
    const isFirst = this.#bar.hidden && staging.isOpen;
    const hadFocus = this.#bar.contains(document.activeElement);
    this.#bar.hidden = !staging.isOpen;
    this.#button("previous").hidden = staging.count < 2;
    this.#button("next").hidden = staging.count < 2;
    this.#button("accept").disabled = !staging.isReady;
    this.#button("compare").setAttribute("aria-pressed", String(staging.isComparing));
    const words = gettext("%(number)s of %(count)s");
    find(this.#bar, "[data-part=staging-count]", HTMLElement).textContent = fill(words, {
      number: staging.at + 1,
      count: staging.count,
    });
    const stage = this.#bar.closest("[data-part=frame]")?.querySelector("[data-part=stage]");
    // The keys of the results work there; who is writing elsewhere is not disturbed.
    const isFree = document.activeElement === document.body;
    if ((isFirst && isFree) || (!staging.isOpen && hadFocus)) {
      if (stage instanceof HTMLElement) stage.focus({ preventScroll: true });
    }
  }
}
