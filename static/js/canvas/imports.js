// @ts-check
/** Pictures from outside: pasted, dropped onto the stage, or chosen as a file. */

import { announce } from "../dom.js";
import { fill } from "../i18n.js";
import { toast } from "../toast.js";
import { find, isWriting } from "./elements.js";

/** @import {PageLife} from "../page.js" */
/** @import {Desk} from "./desk.js" */

const MOST_PIXELS = 64 * 1024 ** 2;

export class Imports {
  #desk;
  #input;

  /**
   * @param {Desk} desk
   * @param {HTMLElement} root
   * @param {PageLife} life
   */
  constructor(desk, root, life) {
    this.#desk = desk;
    this.#input = find(root, "[data-part=file]", HTMLInputElement);
    const stage = find(root, "[data-part=stage]", HTMLElement);
    const { signal } = life;
    this.#input.addEventListener(
      "change",
      () => {
        void this.#take(Array.from(this.#input.files ?? []));
        this.#input.value = "";
      },
      { signal },
    );
    document.addEventListener(
      "paste",
      (event) => {
        if (isWriting(event.target)) return;
        const files = picturesIn(event.clipboardData);
        if (files.length === 0) return;
        event.preventDefault();
        void this.#take(files);
      },
      { signal },
    );
    stage.addEventListener(
      "dragover",
      (event) => {
        if (!event.dataTransfer?.types.includes("Files")) return;
        event.preventDefault();
        stage.dataset.drop = "true";
      },
      { signal },
    );
    for (const end of ["dragleave", "drop"]) {
      stage.addEventListener(end, () => delete stage.dataset.drop, { signal });
    }
    stage.addEventListener(
      "drop",
      (event) => {
        event.preventDefault();
        void this.#take(Array.from(event.dataTransfer?.files ?? []));
      },
      { signal },
    );
  }

  /** Let the person choose a file. */
  choose() {
    this.#input.click();
  }

  /** @param {File[]} files */
  async #take(files) {
    for (const file of files) {
      try {
        this.#add(await createImageBitmap(file), file.name.replace(/\.\w+$/, ""));
      } catch {
        const message = gettext("“%(name)s” is no picture that this browser can read.");
        toast(fill(message, { name: file.name }), { kind: "error" });
      }
    }
  }

  /**
   * @param {ImageBitmap} bitmap
   * @param {string} name
   */
  #add(bitmap, name) {
    const { document, staging } = this.#desk;
    if (staging.isOpen) {
      this.#desk.refuse(gettext("First use or discard the results."));
      return;
    }
    if (bitmap.width * bitmap.height > MOST_PIXELS) {
      toast(gettext("This picture is too large. Make it smaller first."), { kind: "error" });
      return;
    }
    // As large as it is, or as the document has room for.
    const fit = Math.min(1, document.width / bitmap.width, document.height / bitmap.height);
    const width = Math.max(1, Math.round(bitmap.width * fit));
    const height = Math.max(1, Math.round(bitmap.height * fit));
    const x = Math.round((document.width - width) / 2);
    const y = Math.round((document.height - height) / 2);
    const title = name.slice(0, 80) || gettext("Picture");
    this.#desk.acts.addPicture(bitmap, { name: title, x, y, width, height });
    bitmap.close();
    announce(fill(gettext("New layer “%(name)s”"), { name: title }));
  }
}

/**
 * @param {DataTransfer | null} data
 * @returns {File[]}
 */
function picturesIn(data) {
  return Array.from(data?.files ?? []).filter(({ type }) => type.startsWith("image/"));
}
