// @ts-check
/** A picture of the user's in a card: chosen, shown, chosen anew, removed. */

import { getPicture } from "../../api.js";
import { icon, make } from "../../dom.js";
import { toastError } from "../../toast.js";
import { pickPicture } from "../picture_picker.js";

/** @import {Desk} from "./desk.js" */
/** @import {Picture} from "../../types.js" */

export class PictureField {
  #desk;
  #shape;
  #onChange;
  #button;
  #words;
  #image = make("img", { class: "guide__picture", alt: "", hidden: "" });
  #remove;
  /** @type {string | null} */
  #name = null;

  /**
   * @param {Desk} desk
   * @param {{title: string, label: string, path?: string, isRemovable?: boolean}} shape
   * @param {() => void} onChange
   */
  constructor(desk, shape, onChange) {
    this.#desk = desk;
    this.#shape = shape;
    this.#onChange = onChange;
    this.#words = make("span", {}, shape.label);
    this.#button = make(
      "button",
      { class: "guide__pick", type: "button", "data-path": shape.path ?? "" },
      this.#image,
      icon("image"),
      this.#words,
    );
    const words = gettext("Remove the picture");
    this.#remove = make(
      "button",
      {
        ...{ class: "button button--quiet button--icon", type: "button", hidden: "" },
        ...{ "aria-label": words, title: words },
      },
      icon("close"),
    );
    this.element = make("div", { class: "guide__pickrow" }, this.#button, this.#remove);
    this.#button.addEventListener("click", () => void this.pick());
    this.#remove.addEventListener("click", () => {
      this.#show(null);
      this.#button.focus();
      onChange();
    });
  }

  /** @returns {string | null} the name of the picture */
  get value() {
    return this.#name;
  }

  async pick() {
    try {
      const picture = await pickPicture(this.#desk.life, { title: this.#shape.title });
      if (!picture) return;
      this.#show(picture);
      this.#onChange();
      this.#button.focus();
    } catch (error) {
      toastError(error);
    }
  }

  /** @param {string | null} name of a picture, which may be gone */
  take(name) {
    this.#show(null);
    if (!name) return;
    this.#name = name;
    getPicture(name).then(
      (picture) => {
        if (this.#name === name) this.#show(picture);
      },
      () => {
        if (this.#name !== name) return;
        this.#show(null);
        this.#words.textContent = gettext("This picture is gone. Choose another.");
        this.#onChange();
      },
    );
  }

  focus() {
    this.#button.focus();
  }

  /** @param {Pick<Picture, "image_name" | "thumbnail_url"> | null} picture */
  #show(picture) {
    this.#name = picture?.image_name ?? null;
    this.#image.hidden = picture === null;
    if (picture) this.#image.src = picture.thumbnail_url;
    else this.#image.removeAttribute("src");
    this.#words.textContent = picture ? gettext("Choose another") : this.#shape.label;
    this.#button.dataset.chosen = String(picture !== null);
    this.#remove.hidden = picture === null || this.#shape.isRemovable !== true;
  }
}
