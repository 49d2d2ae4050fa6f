// @ts-check
/** What all parts of the guides share: the model that is chosen, what the server offers, the catalog. */

import { send } from "../../api.js";
import { byId } from "../../dom.js";
import { fill } from "../../i18n.js";

/** @import {PageLife} from "../../page.js" */
/** @import {FullModel, Offers} from "./types.js" */

export class Desk {
  /** @type {Offers} */
  offers = JSON.parse(byId("guide-offers", HTMLScriptElement).text);
  /** @type {FullModel[]} the main models */
  models = JSON.parse(byId("models", HTMLScriptElement).text);
  /** @type {FullModel | null} the one that is chosen */
  model = null;
  /** @type {boolean | null} whether there is a start image; null while nobody has said so */
  hasStart = null;
  /** @type {Set<string>} the names of the parts that are there */
  parts = new Set();
  /** @type {Promise<FullModel[]> | null} */
  #catalog = null;
  /** @type {FullModel[]} */
  #known = [];
  #onChange;
  #width = byId("width", HTMLInputElement);
  #height = byId("height", HTMLInputElement);

  /**
   * @param {PageLife} life
   * @param {() => void} onChange
   */
  constructor(life, onChange) {
    this.life = life;
    this.#onChange = onChange;
  }

  changed() {
    if (!this.life.isOver) this.#onChange();
  }

  /** @returns {{width: number, height: number}} of the picture to be made */
  get shape() {
    return { width: Number(this.#width.value) || 512, height: Number(this.#height.value) || 512 };
  }

  /**
   * Fetch the models of every kind once.
   *
   * @returns {Promise<FullModel[]>}
   */
  catalog() {
    this.#catalog ??= send("/api/v1/models?kind=all", { signal: this.life.signal })
      .then((response) => response.json())
      .then((/** @type {{results: FullModel[]}} */ { results }) => {
        this.#known = results.filter((model) => model.is_enabled);
        return this.#known;
      })
      .catch((/** @type {unknown} */ error) => {
        // The next one who asks tries again.
        this.#catalog = null;
        throw error;
      });
    return this.#catalog;
  }

  /** @returns {boolean} */
  get knowsCatalog() {
    return this.#known.length > 0;
  }

  /**
   * @param {string} key
   * @returns {FullModel | null} null until the catalog is there, or if it is not in it
   */
  find(key) {
    return this.#known.find((model) => model.key === key) ?? null;
  }

  /**
   * @param {string[]} kinds
   * @returns {FullModel[]} those that help; a refiner is a main model
   */
  ofKinds(kinds) {
    return this.#known.filter(
      ({ kind, base }) => kinds.includes(kind) && (kind !== "main" || base === "sdxl-refiner"),
    );
  }

  get family() {
    return this.model ? (this.offers.families[this.model.base] ?? null) : null;
  }

  /**
   * @param {FullModel} addOn
   * @returns {boolean} whether it was made for the family of the chosen model, or for any
   */
  fits(addOn) {
    if (!addOn.base) return true;
    return this.family?.takes[addOn.kind]?.includes(addOn.base) ?? true;
  }

  /**
   * @param {FullModel} addOn
   * @returns {string} why it cannot be used, empty if it can
   */
  whyNot(addOn) {
    if (!addOn.included) return planNeeded(addOn);
    if (this.fits(addOn)) return "";
    return fill(gettext("Made for %(theirs)s; your model is one of %(family)s."), {
      theirs: addOn.base_name,
      family: this.family?.name ?? "",
    });
  }

  /**
   * @param {string} field a field of the request
   * @returns {number} how many of it there can be with the chosen model
   */
  most(field) {
    const most = this.offers.limits[field] ?? 1;
    return Math.min(most, this.family?.limits[field] ?? most);
  }

  /**
   * @param {string[]} capabilities of which one is needed; none needs none
   * @returns {string} why the family of the chosen model has none of them, empty if it has
   */
  lack(capabilities) {
    const { family } = this;
    if (!family || capabilities.length === 0) return "";
    const reasons = capabilities.map((name) => family.lacks[name] ?? "");
    if (reasons.includes("")) return "";
    return fill(gettext("Not with %(family)s. %(reason)s"), {
      family: family.name,
      reason: reasons[0] ?? "",
    });
  }
}

/**
 * @param {{smallest_plan: string | null}} model that the plan does not include
 * @returns {string}
 */
export function planNeeded({ smallest_plan: plan }) {
  if (!plan) return gettext("Not in your plan.");
  const name = plan.charAt(0).toUpperCase() + plan.slice(1);
  return fill(gettext("In the %(plan)s plan and above."), { plan: name });
}
