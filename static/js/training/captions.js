// @ts-check
/** The pictures of a set with their captions, which are saved as they are left. */

import { announce, byId, icon, make } from "../dom.js";
import { fill } from "../i18n.js";
import { toast, toastError } from "../toast.js";
import { addPictures, changePictures, removePictures } from "./api.js";

/** @import {PageLife} from "../page.js" */
/** @import {SetPicture} from "./api.js" */

export class Captions {
  #list = byId("captions", HTMLElement);
  #set;
  #changed;
  /** @type {Map<string, string>} as the server has them */
  #saved = new Map();
  /** @type {Promise<unknown>} the last write, which has ended in one way or the other */
  #written = Promise.resolve();

  /**
   * @param {PageLife} life
   * @param {{set: string, changed: () => void}} facts `changed` is told when pictures come or go
   */
  constructor(life, { set, changed }) {
    this.#set = set;
    this.#changed = changed;
    for (const field of this.#fields()) this.#saved.set(nameOf(field), field.value);
    const { signal } = life;
    this.#list.addEventListener(
      "click",
      (event) => {
        if (event.target instanceof Element) this.#click(event.target);
      },
      { signal },
    );
    this.#list.addEventListener("keydown", (event) => this.#press(event), { signal });
    this.#list.addEventListener(
      "focusout",
      (event) => {
        if (event.target instanceof HTMLTextAreaElement) void this.#trySave([event.target]);
      },
      { signal },
    );
    life.guard(
      () => this.#unsaved().length > 0 && gettext("A caption that you changed is not saved yet."),
    );
    this.#tell();
  }

  /** @returns {string[]} the names of the pictures, in their order */
  get names() {
    return this.#items().map((item) => item.dataset.image ?? "");
  }

  /** Write what is not saved yet; a refusal is thrown. */
  async save() {
    await this.#save(this.#unsaved());
  }

  /** @param {string[]} names */
  async add(names) {
    if (names.length === 0) return;
    await this.#trySave(this.#unsaved());
    this.#show(await addPictures(this.#set, names));
  }

  /** Give the pictures without a caption the prompt that they were made with. */
  async suggest() {
    const empty = this.#fields().filter((field) => !field.value.trim() && field.dataset.suggested);
    for (const field of empty) field.value = field.dataset.suggested ?? "";
    if (!(await this.#trySave(empty))) return;
    const words = ngettext("%(count)s caption is filled in.", "%(count)s captions are filled in.", empty.length);
    toast(fill(words, { count: empty.length }));
  }

  #items() {
    const items = Array.from(this.#list.querySelectorAll(".caption"));
    return items.filter((item) => item instanceof HTMLElement);
  }

  #fields() {
    return Array.from(this.#list.querySelectorAll("textarea"));
  }

  #unsaved() {
    return this.#fields().filter((field) => field.value.trim() !== this.#saved.get(nameOf(field)));
  }

  /**
   * One write after the other, so that later words do not arrive before earlier ones nor after their
   * picture is out, and who waits for all waits for those under way.
   *
   * @param {() => Promise<unknown>} write
   */
  #inTurn(write) {
    const written = this.#written.then(write);
    this.#written = written.catch(() => undefined);
    return written;
  }

  /** @param {HTMLTextAreaElement[]} fields */
  #save(fields) {
    return this.#inTurn(() => this.#write(fields));
  }

  /** @param {HTMLTextAreaElement[]} fields */
  async #write(fields) {
    const changed = fields.filter(
      (field) => field.isConnected && field.value.trim() !== this.#saved.get(nameOf(field)),
    );
    if (changed.length === 0) return;
    const captions = Object.fromEntries(changed.map((field) => [nameOf(field), field.value.trim()]));
    await changePictures(this.#set, { captions });
    for (const [name, caption] of Object.entries(captions)) this.#saved.set(name, caption);
    announce(gettext("Saved."));
    this.#changed();
  }

  /**
   * @param {HTMLTextAreaElement[]} fields
   * @returns {Promise<boolean>} whether they are saved; why not is told
   */
  async #trySave(fields) {
    try {
      await this.#save(fields);
      return true;
    } catch (error) {
      toastError(error);
      return false;
    }
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const field = event.target;
    if (!(field instanceof HTMLTextAreaElement) || event.isComposing) return;
    if (event.key === "Escape") {
      field.value = this.#saved.get(nameOf(field)) ?? "";
    } else if (event.key === "Enter") {
      event.preventDefault();
      const fields = this.#fields();
      const next = fields[fields.indexOf(field) + (event.shiftKey ? -1 : 1)];
      // To leave it is to save it.
      if (next) next.select();
      else void this.#trySave([field]);
    }
  }

  /** @param {Element} target */
  #click(target) {
    const act = target.closest("[data-act]")?.getAttribute("data-act");
    const item = target.closest(".caption");
    if (!act || !(item instanceof HTMLElement)) return;
    const done = act === "remove" ? this.#remove(item) : this.#move(item, act === "earlier");
    done.catch(toastError);
  }

  /**
   * @param {HTMLElement} item
   * @param {boolean} earlier
   */
  async #move(item, earlier) {
    const other = earlier ? item.previousElementSibling : item.nextElementSibling;
    if (!other) return;
    if (earlier) other.before(item);
    else other.after(item);
    this.#tell();
    const acts = earlier ? ["earlier", "later"] : ["later", "earlier"];
    const buttons = acts.map((act) => actOf(item, act));
    buttons.find((button) => !button.disabled)?.focus();
    await this.#inTurn(() => changePictures(this.#set, { order: this.names }));
  }

  /** @param {HTMLElement} item */
  async #remove(item) {
    const name = item.dataset.image ?? "";
    await this.#inTurn(() => removePictures(this.#set, [name]));
    const next = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    this.#saved.delete(name);
    next?.querySelector("textarea")?.focus();
    this.#tell();
    this.#changed();
  }

  /** @param {SetPicture[]} pictures */
  #show(pictures) {
    const known = new Set(this.names);
    const before = known.size;
    pictures.forEach((picture) => {
      if (known.has(picture.image.image_name)) return;
      this.#saved.set(picture.image.image_name, picture.caption);
      this.#list.append(row(picture));
    });
    this.#fields()[before]?.focus();
    this.#tell();
    this.#changed();
  }

  #tell() {
    const items = this.#items();
    const count = items.length;
    items.forEach((item, index) => {
      actOf(item, "earlier").disabled = index === 0;
      actOf(item, "later").disabled = index === count - 1;
      const label = fill(gettext("Caption of picture %(number)s"), { number: index + 1 });
      item.querySelector("textarea")?.setAttribute("aria-label", label);
    });
    byId("count", HTMLElement).textContent = `(${String(count)})`;
    byId("captions-empty", HTMLElement).hidden = count > 0;
  }
}

/**
 * @param {HTMLElement} item
 * @param {string} act
 */
function actOf(item, act) {
  return /** @type {HTMLButtonElement} */ (item.querySelector(`[data-act="${act}"]`));
}

/** @param {HTMLTextAreaElement} field */
function nameOf(field) {
  const item = field.closest(".caption");
  return item instanceof HTMLElement ? (item.dataset.image ?? "") : "";
}

/** @param {SetPicture} picture */
function row({ image, caption, suggested }) {
  const field = make("textarea", {
    class: "input caption__text",
    rows: "2",
    maxlength: "1000",
    placeholder: gettext("What is on it?"),
    "data-suggested": suggested,
  });
  field.value = caption;
  const acts = /** @type {const} */ ([
    ["earlier", gettext("Move it forward"), "raise"],
    ["later", gettext("Move it back"), "lower"],
    ["remove", gettext("Take it out of the set"), "close"],
  ]).map(([act, words, symbol]) => {
    const button = make("button", {
      class: "button button--quiet button--icon",
      type: "button",
      "data-act": act,
      "aria-label": words,
      title: words,
    });
    button.append(icon(symbol));
    return button;
  });
  return make(
    "li",
    { class: "caption", "data-image": image.image_name },
    make("img", {
      class: "caption__picture",
      src: image.thumbnail_url,
      alt: suggested || gettext("An uploaded picture"),
      width: "96",
      height: "96",
      loading: "lazy",
    }),
    field,
    make("span", { class: "caption__acts" }, ...acts),
  );
}
