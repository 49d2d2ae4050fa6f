// @ts-check
/** The large view of a picture, in a dialog over the grid or as a page of its own. */

import { byId } from "./dom.js";
import { fill, formatNumber, formatPercent } from "./i18n.js";
import { ApiError, deletePicture } from "./api.js";
import { isField } from "./grid_keys.js";
import { actOnPictures, PICTURES_CHANGED } from "./library_api.js";
import { fetchPart } from "./parts.js";
import {
  copyPrompt,
  rateShown,
  shownPicture,
  star,
  startEditing,
  useAsCover,
} from "./picture_edit.js";
import { factsOf } from "./tiles.js";
import { toast, toastError } from "./toast.js";
import { Zoom } from "./zoom.js";

/** @import {PageLife} from "./page.js" */
/** @import {Facts} from "./types.js" */
/** @import {Compared} from "./compare.js" */

/**
 * What the viewer asks of the list that it lies over.
 *
 * @typedef {object} Beneath
 * @property {(name: string) => HTMLElement | null} tileOf
 * @property {(name: string, step: 1 | -1) => Promise<HTMLElement | null>} beside null at the ends
 * @property {(name: string) => void} onLeave
 * @property {(facts: Facts) => Promise<boolean>} trash
 * @property {(name: string, facts: Partial<Facts>) => void} onChange
 * @property {(picture: Compared) => void} onCompare
 */

export class Viewer {
  #dialog = document.getElementById("viewer");
  #beneath;
  #life;
  /** @type {Zoom | null} */
  #zoom = null;
  /** The picture whose tile gets the focus when the large view goes. */
  #returnTo = "";
  #asked = "";
  /** Whether the way back has been taken, which the browser goes a moment later. */
  #isClosing = false;
  #isRemoving = false;

  /**
   * @param {Beneath | null} beneath null on a page of its own
   * @param {PageLife} life
   */
  constructor(beneath, life) {
    this.#beneath = beneath;
    this.#life = life;
    const { signal } = life;
    document.addEventListener("click", (event) => this.#click(event), { signal });
    document.addEventListener("keydown", (event) => this.#press(event), { signal });
    life.onEnd(() => this.#zoom?.close());
    this.#dialog?.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.close();
    });
    // A browser may close the dialog without asking, at the second Esc.
    this.#dialog?.addEventListener(
      "close",
      () => {
        if (history.state?.easelPicture) this.close();
      },
      { signal },
    );
    const entry = history.state?.entry;
    const move = () => {
      // Another page of the history is the router's.
      if (history.state?.entry !== entry) return;
      this.#isClosing = false;
      if (history.state?.easelPicture) void this.#fill(location.href);
      else this.#leave();
    };
    addEventListener("popstate", move, { signal });
    startEditing(life, (name, facts) => beneath?.onChange(name, facts));
    if (!beneath) this.#lookClosely();
  }

  /** @param {string} href */
  async open(href) {
    history.pushState({ ...history.state, easelPicture: true }, "", href);
    await this.#fill(href);
  }

  /** Leave the large view: back to the grid, with the focus on the tile it came from. */
  close() {
    if (this.#isClosing) return;
    if (history.state?.easelPicture) {
      this.#isClosing = true;
      history.back();
    } else if (this.#beneath) this.#leave();
    else this.#life.visit(shownPicture()?.dataset.gallery ?? "/");
  }

  /** @param {string} href */
  async #fill(href) {
    if (!(this.#dialog instanceof HTMLDialogElement)) return;
    this.#asked = href;
    try {
      const part = await fetchPart(href);
      // Another one may have been asked for since, or none.
      if (this.#asked !== href || this.#life.isOver) return;
      byId("viewer-body", HTMLElement).replaceChildren(part);
    } catch (error) {
      if (this.#life.isOver) return;
      this.close();
      if (error instanceof ApiError) toastError(error);
      else toast(gettext("This picture is gone."), { kind: "error" });
      return;
    }
    const name = shownPicture()?.dataset.imageName ?? "";
    this.#returnTo = name;
    if (!this.#dialog.open) this.#dialog.showModal();
    byId("close", HTMLElement).focus();
    this.#lookClosely();
    void this.#showSteps(name);
  }

  #lookClosely() {
    this.#zoom?.close();
    const picture = document.querySelector("#picture .picture__image");
    const mat = picture?.closest(".picture__mat");
    if (!(picture instanceof HTMLElement) || !(mat instanceof HTMLElement)) return;
    const value = document.getElementById("zoom-value");
    this.#zoom = new Zoom(mat, [picture], (scale) => {
      if (value) value.textContent = formatPercent(scale * 100);
    });
  }

  /**
   * Lead the steps along the list beneath, and hide those that lead out of it.
   *
   * @param {string} name
   */
  async #showSteps(name) {
    if (!this.#beneath?.tileOf(name)) return;
    for (const [id, step] of /** @type {const} */ ([
      ["previous", -1],
      ["next", 1],
    ])) {
      const tile = await this.#beneath.beside(name, step);
      const link = document.getElementById(id);
      if (shownPicture()?.dataset.imageName !== name) return;
      if (!(link instanceof HTMLAnchorElement)) continue;
      link.hidden = tile === null;
      // A picture that leaves the list while it is looked at still has its neighbours.
      if (tile instanceof HTMLAnchorElement) link.href = tile.href;
    }
  }

  #leave() {
    if (!(this.#dialog instanceof HTMLDialogElement)) return;
    this.#zoom?.close();
    this.#zoom = null;
    const wasOpen = this.#dialog.open;
    this.#asked = "";
    if (wasOpen) this.#dialog.close();
    byId("viewer-body", HTMLElement).replaceChildren();
    if (wasOpen) this.#beneath?.onLeave(this.#returnTo);
  }

  /** @param {"previous" | "next"} side */
  async #step(side) {
    const picture = shownPicture();
    const href = await this.#hrefBeside(side);
    if (!href || this.#hasLeft(picture)) return;
    if (!this.#beneath) this.#life.visit(href);
    else await this.#replace(href);
  }

  /**
   * @param {"previous" | "next"} side
   * @returns {Promise<string | null>} null at the ends
   */
  async #hrefBeside(side) {
    const name = shownPicture()?.dataset.imageName ?? "";
    const link = document.getElementById(side);
    const beside = this.#beneath?.tileOf(name)
      ? await this.#beneath.beside(name, side === "next" ? 1 : -1)
      : link;
    return beside instanceof HTMLAnchorElement && !beside.hidden ? beside.href : null;
  }

  /** @param {HTMLElement | null} picture that was looked at before something was waited for */
  #hasLeft(picture) {
    return this.#isClosing || this.#life.isOver || shownPicture() !== picture;
  }

  /** @param {string} href */
  async #replace(href) {
    history.replaceState({ ...history.state, easelPicture: true }, "", href);
    await this.#fill(href);
  }

  /** @param {HTMLElement} picture */
  #removeOnce(picture) {
    if (this.#isClosing || this.#isRemoving) return;
    this.#isRemoving = true;
    void this.#remove(picture).finally(() => (this.#isRemoving = false));
  }

  /** @param {HTMLElement} picture */
  async #remove(picture) {
    const name = picture.dataset.imageName ?? "";
    if (!this.#beneath) {
      try {
        await deletePicture(name);
      } catch (error) {
        toastError(error);
        return;
      }
      this.#life.visit(picture.dataset.gallery ?? "/");
      offerBack(name);
      return;
    }
    const href = (await this.#hrefBeside("next")) ?? (await this.#hrefBeside("previous"));
    const tile = this.#beneath.tileOf(name);
    const { board = "none" } = picture.dataset;
    const bare = { name, board, starred: false, rating: 0, tags: [] };
    const isGone = await this.#beneath.trash(tile ? factsOf(tile) : bare);
    if (!isGone || this.#hasLeft(picture)) return;
    if (href) await this.#replace(href);
    else this.close();
  }

  /** @param {MouseEvent} event */
  #click(event) {
    if (!(event.target instanceof Element) || event.defaultPrevented) return;
    const picture = shownPicture();
    const button = event.target.closest("[data-action]");
    if (button instanceof HTMLElement && picture) this.#act(button, picture, event);
    // A modified click is the browser's: a new tab, a new window, a download.
    if (!this.#beneath || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const link = event.target.closest("a");
    if (!link || event.defaultPrevented) return;
    if (link.matches(".picture__step")) {
      event.preventDefault();
      void this.#step(link.id === "next" ? "next" : "previous");
    } else if (link.id === "close") {
      event.preventDefault();
      this.close();
    }
  }

  /**
   * @param {HTMLElement} button
   * @param {HTMLElement} picture
   * @param {MouseEvent} event
   */
  #act(button, picture, event) {
    const { action } = button.dataset;
    if (action === "delete") this.#removeOnce(picture);
    else if (action === "star") {
      void star(picture, button, (name, facts) => this.#beneath?.onChange(name, facts));
    } else if (action === "cover") void useAsCover(picture);
    else if (action === "copy-prompt") void copyPrompt(button.dataset.prompt ?? "");
    else if (action === "zoom-in") this.#zoom?.step("in");
    else if (action === "zoom-out") this.#zoom?.step("out");
    else if (action === "zoom-fit") this.#zoom?.step("fit");
    else if (action === "compare" && this.#beneath) {
      event.preventDefault();
      const title = document.getElementById("picture-prompt")?.textContent ?? "";
      this.close();
      this.#beneath.onCompare({ name: picture.dataset.imageName ?? "", title });
    }
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const picture = shownPicture();
    if (!picture || document.querySelector("#confirm[open], #compare[open]")) return;
    if (event.ctrlKey || event.metaKey || event.altKey || isField(event.target)) return;
    // Among stars, and in the account menu, the arrows choose.
    if (event.target instanceof HTMLInputElement && event.key.startsWith("Arrow")) return;
    if (event.key === "ArrowLeft") void this.#step("previous");
    else if (event.key === "ArrowRight") void this.#step("next");
    else if (event.key === "Delete") this.#removeOnce(picture);
    else if (event.key === "Escape" && !this.#beneath) this.close();
    else if (/^[1-5]$/.test(event.key)) rateShown(Number(event.key));
    else if (this.#zoom?.press(event.key)) event.preventDefault();
  }
}

/**
 * Say that a picture is in the trash, and offer to take it back, on whatever page that is then.
 *
 * @param {string} name
 */
function offerBack(name) {
  const restore = async () => {
    const { error } = await actOnPictures("restore", [name]);
    if (error) toastError(error);
    else document.dispatchEvent(new Event(PICTURES_CHANGED));
  };
  const message = ngettext(
    "The picture is in the trash for 30 days.",
    "%(count)s pictures are in the trash for 30 days.",
    1,
  );
  toast(fill(message, { count: formatNumber(1) }), {
    act: { text: gettext("Undo"), run: () => void restore() },
  });
}
