// @ts-check
/** The page of models: see how far installs are, send a file in parts, ask before one is deleted. */

import { announceUpload, sendPart } from "./models_api.js";
import { byId, confirmed } from "./dom.js";
import { fill } from "./i18n.js";
import { visit } from "./router.js";
import { toastError } from "./toast.js";

/** @import {PageLife} from "./page.js" */

const POLL_MS = 2000;
const PART_BYTES = 8 * 1024 * 1024;
const TRIES = 4;

/** @param {PageLife} life */
export function start(life) {
  const list = byId("installs", HTMLElement);
  const button = byId("upload", HTMLButtonElement);
  const picker = byId("upload-file", HTMLInputElement);
  const bar = byId("upload-progress", HTMLProgressElement);
  let timer = 0;

  /** Show the installs as they are now, and again in a moment while one is under way. */
  async function refresh() {
    life.cancel(timer);
    try {
      await draw();
    } catch (error) {
      // Without a connection it is as it was, and is asked for again.
      console.warn(error);
    }
    poll();
  }

  async function draw() {
    const response = await fetch(location.pathname, { headers: { "HX-Request": "true" } });
    if (life.isOver) return;
    if (response.redirected) location.assign(response.url);
    else if (response.ok) {
      const wasOpen = list.querySelectorAll("[data-open]").length;
      list.replaceChildren(document.createRange().createContextualFragment(await response.text()));
      // What has been installed stands in the list below.
      if (list.querySelectorAll("[data-open]").length < wasOpen && !button.disabled) {
        visit(location.href, { replaces: true });
      }
    }
  }

  function poll() {
    if (list.querySelector("[data-open]")) timer = life.later(() => void refresh(), POLL_MS);
  }

  /** @param {File} file */
  async function upload(file) {
    const install = await announceUpload({
      upload: { file_name: file.name, size: file.size },
      commercial_use: byId("id_commercial_use", HTMLInputElement).checked,
      ...(byId("id_name", HTMLInputElement).value && {
        name: byId("id_name", HTMLInputElement).value,
      }),
    });
    let done = install.done_bytes;
    while (done < file.size && !life.isOver) {
      bar.value = done / file.size;
      ({ done_bytes: done } = await sendSafely(install.id, file, done));
    }
  }

  button.addEventListener("click", () => {
    picker.click();
  });
  picker.addEventListener("change", () => {
    const file = picker.files?.[0];
    if (!file) return;
    button.disabled = true;
    bar.hidden = false;
    upload(file)
      .catch(toastError)
      .finally(() => {
        button.disabled = false;
        bar.hidden = true;
        picker.value = "";
        void refresh();
      });
  });
  life.guard(() => button.disabled && gettext("A file is being sent. It stops if you leave."));
  life.root.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.dataset.delete === undefined) return;
    event.preventDefault();
    void askToDelete(form, form.dataset.delete);
  });
  poll();
}

/**
 * Send a part, again after a pause where the connection fails.
 *
 * @param {string} id
 * @param {File} file
 * @param {number} from
 */
async function sendSafely(id, file, from) {
  const part = file.slice(from, from + PART_BYTES);
  for (let tries = 1; ; tries += 1) {
    try {
      return await sendPart(id, part, from, file.size);
    } catch (error) {
      if (tries === TRIES) throw error;
      await new Promise((resolve) => {
        setTimeout(resolve, 1000 * tries);
      });
    }
  }
}

/**
 * @param {HTMLFormElement} form
 * @param {string} name
 */
async function askToDelete(form, name) {
  const sure = await confirmed({
    title: gettext("Delete this model?"),
    text: fill(gettext("“%(name)s” is deleted with its files, for good. Its pictures stay."), {
      name,
    }),
    yes: gettext("Delete"),
  });
  // `submit` does not ask again: it sends no event.
  if (sure) form.submit();
}
