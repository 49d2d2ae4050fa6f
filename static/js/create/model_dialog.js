// @ts-check
/** A dialog to choose a model in, of any kind: search, families, covers, what each is about. */

import { byId, icon, make } from "../dom.js";
import { fill, formatNumber } from "../i18n.js";
import { planNeeded } from "./guides/desk.js";
import { coverOf } from "./model_cover.js";

/** @import {PageLife} from "../page.js" */
/** @import {FullModel} from "./guides/types.js" */

/**
 * @typedef {object} Choice
 * @property {string} title
 * @property {FullModel[]} models
 * @property {string} [chosen] the key of the one that is chosen now
 * @property {(model: FullModel) => string} [whyNot] why one cannot be chosen, empty if it can
 * @property {string} empty what there is to say if there is none at all
 */

class ModelDialog {
  #choice;
  #dialog;
  #list = make("ul", { class: "picker__list", role: "list" });
  #none = make("p", { class: "picker__none", role: "status" });
  #search = make("input", {
    ...{ class: "input picker__search", type: "search", autocomplete: "off" },
    ...{ "aria-label": gettext("Search models"), placeholder: gettext("Search models") },
  });
  #family = "";
  /** @type {HTMLButtonElement[]} */
  #families = [];
  /** @type {FullModel | null} */
  #answer = null;

  /** @param {Choice} choice */
  constructor(choice) {
    this.#choice = choice;
    const close = make(
      "button",
      {
        ...{ class: "button button--quiet button--icon", type: "button" },
        ...{ "aria-label": gettext("Close"), title: gettext("Close") },
      },
      icon("close"),
    );
    const head = make(
      "div",
      { class: "picker__head" },
      make("h2", { class: "picker__title", id: "picker-title" }, choice.title),
      close,
    );
    const tools = make("div", { class: "picker__tools" }, this.#search, this.#familyChips());
    tools.hidden = choice.models.length < 2;
    this.#dialog = make(
      "dialog",
      { class: "dialog picker", "aria-labelledby": "picker-title" },
      head,
      tools,
      this.#list,
      this.#none,
    );
    close.addEventListener("click", () => this.#dialog.close());
    this.#search.addEventListener("input", () => this.#show());
    this.#dialog.addEventListener("keydown", (event) => this.#move(event));
    this.#dialog.addEventListener("click", (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
    this.#list.replaceChildren(...choice.models.map((model) => this.#row(model)));
    this.#show();
  }

  /**
   * @param {PageLife} life
   * @returns {Promise<FullModel | null>}
   */
  ask(life) {
    document.body.append(this.#dialog);
    this.#dialog.showModal();
    const chosen = this.#buttons().find((button) => button.getAttribute("aria-current") === "true");
    chosen?.scrollIntoView({ block: "center" });
    if (this.#choice.models.length > 1) this.#search.focus();
    else this.#buttons()[0]?.focus();
    return new Promise((resolve) => {
      // A page is open all day: nothing of a closed dialog is to stay with its life.
      const closing = new AbortController();
      const { signal } = closing;
      const end = () => {
        closing.abort();
        this.#dialog.remove();
        resolve(this.#answer);
      };
      this.#dialog.addEventListener("close", end, { signal });
      life.signal.addEventListener("abort", end, { signal });
    });
  }

  /** @returns {HTMLElement} one button a family, none if there is one alone */
  #familyChips() {
    const names = new Map(
      this.#choice.models.map((model) => [familyOf(model), model.base_name]),
    );
    const group = make("div", {
      ...{ class: "picker__families", role: "group", "aria-label": gettext("Family") },
    });
    if (names.size < 2) return group;
    const all = /** @type {[string, string][]} */ ([["", gettext("All")], ...names]);
    this.#families = all.map(([base, words]) => {
      const chip = make(
        "button",
        { class: "chip", type: "button", "aria-pressed": String(base === "") },
        make("span", { class: "chip__text" }, words || gettext("Any family")),
      );
      chip.addEventListener("click", () => {
        this.#family = base;
        for (const each of this.#families) each.setAttribute("aria-pressed", String(each === chip));
        this.#show();
      });
      return chip;
    });
    group.append(...this.#families);
    return group;
  }

  /**
   * @param {FullModel} model
   * @returns {HTMLElement}
   */
  #row(model) {
    const why = this.#choice.whyNot?.(model) ?? (model.included ? "" : planNeeded(model));
    const choose = make(
      "button",
      { class: "picker__choose", type: "button", "data-key": model.key },
      coverOf(model),
      aboutOf(model),
    );
    if (model.key === this.#choice.chosen) choose.setAttribute("aria-current", "true");
    const item = make("li", { class: "picker__item", "data-key": model.key }, choose);
    if (why === "") {
      choose.addEventListener("click", () => {
        this.#answer = model;
        this.#dialog.close();
      });
      return item;
    }
    const reason = make("p", { class: "picker__why" }, icon(model.included ? "alert" : "lock"), make("span", {}, why));
    choose.setAttribute("aria-disabled", "true");
    item.append(reason);
    if (!model.included) {
      const plans = byId("guides", HTMLElement).dataset.plans ?? "";
      const link = make("a", { class: "picker__plans", href: plans }, gettext("See plans"));
      reason.append(link);
      choose.addEventListener("click", () => link.focus());
    }
    return item;
  }

  #buttons() {
    const found = this.#list.querySelectorAll("li:not([hidden]) > .picker__choose");
    return /** @type {HTMLElement[]} */ (Array.from(found));
  }

  /** Leave what is looked for. */
  #show() {
    const words = this.#search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = this.#choice.models.filter(
      (model) =>
        (this.#family === "" || familyOf(model) === this.#family) &&
        words.every((word) => textOf(model).includes(word)),
    );
    const keys = new Set(found.map(({ key }) => key));
    for (const item of this.#list.children) {
      if (item instanceof HTMLElement) item.hidden = !keys.has(item.dataset.key ?? "");
    }
    this.#list.hidden = found.length === 0;
    if (found.length > 0) this.#none.replaceChildren();
    else if (this.#choice.models.length > 0) {
      this.#none.textContent = gettext("None of them fits. Try another word or all families.");
    } else {
      const models = byId("guides", HTMLElement).dataset.models ?? "";
      const link = make("a", { href: models }, gettext("Go to the models"));
      this.#none.replaceChildren(this.#choice.empty, " ", link);
    }
  }

  /** @param {KeyboardEvent} event */
  #move(event) {
    if (event.isComposing) return;
    const buttons = this.#buttons();
    const at = buttons.findIndex((button) => button === document.activeElement);
    const inSearch = document.activeElement === this.#search;
    if (event.key === "Enter" && inSearch) {
      event.preventDefault();
      // What is found at once is what was looked for.
      buttons.find((button) => !button.hasAttribute("aria-disabled"))?.click();
      return;
    }
    const to = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key];
    if (to === undefined || (at < 0 && !inSearch)) return;
    event.preventDefault();
    if (to < 0) this.#search.focus();
    else buttons[Math.min(to, buttons.length - 1)]?.focus();
  }
}

/**
 * Let the user choose one of some models.
 *
 * @param {PageLife} life
 * @param {Choice} choice
 * @returns {Promise<FullModel | null>} null if none is chosen
 */
export function pickModel(life, choice) {
  const dialog = new ModelDialog(choice);
  return dialog.ask(life);
}

/**
 * @param {FullModel} model
 * @returns {string} the models of one other service stand together
 */
function familyOf({ base, provider }) {
  return provider ?? base;
}

/**
 * @param {FullModel} model
 * @returns {string} all that a search looks at
 */
function textOf({ name, base_name, description, tags, trigger_words }) {
  return [name, base_name, description, ...tags, ...trigger_words].join(" ").toLowerCase();
}

/**
 * @param {FullModel} model
 * @returns {HTMLElement}
 */
function aboutOf(model) {
  const facts = [
    model.base_name,
    model.license || (model.commercial_use ? "" : gettext("not for commercial use")),
    model.is_own ? gettext("yours") : "",
  ];
  const about = make(
    "span",
    { class: "picker__about" },
    make("span", { class: "picker__name" }, model.name),
    make("span", { class: "picker__facts" }, facts.filter(Boolean).join(" · ")),
  );
  const suggested = suggestedOf(model);
  if (model.description) {
    about.append(make("span", { class: "picker__text" }, model.description));
  }
  if (suggested) about.append(make("span", { class: "picker__facts" }, suggested));
  const words = model.trigger_words.slice(0, 6);
  const marks = [
    ...words.map((word) => make("code", { class: "picker__word" }, word)),
    ...model.tags.slice(0, 6).map((tag) => make("span", { class: "picker__tag" }, tag)),
  ];
  if (marks.length > 0) about.append(make("span", { class: "picker__marks" }, ...marks));
  return about;
}

/**
 * @param {FullModel} model
 * @returns {string} in words, empty if it suggests nothing
 */
function suggestedOf(model) {
  if (model.provider !== null) {
    const credits = model.credits_a_picture ?? 0;
    const words = ngettext(
      "%(width)s × %(height)s · %(credits)s credit a picture",
      "%(width)s × %(height)s · %(credits)s credits a picture",
      credits,
    );
    return fill(words, {
      width: formatNumber(model.default_width),
      height: formatNumber(model.default_height),
      credits: formatNumber(credits),
    });
  }
  if (model.kind === "main") {
    return fill(gettext("%(width)s × %(height)s · %(steps)s steps · guidance %(guidance)s"), {
      width: formatNumber(model.default_width),
      height: formatNumber(model.default_height),
      steps: formatNumber(model.default_steps),
      guidance: String(model.default_guidance),
    });
  }
  const weight = model.suggested["weight"];
  if (typeof weight !== "number") return "";
  return fill(gettext("Suggested weight %(weight)s"), { weight: String(weight) });
}
