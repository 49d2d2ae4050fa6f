// @ts-check
/** The page of models: see how far installs are, send a file in parts, ask before one is deleted. */

import { announceUpload, sendPart } from "./models_api.js";
import { byId, confirmed } from "./dom.js";
import { fill } from "./i18n.js";
import "./shell.js";
import { toastError } from "./toast.js";

const POLL_MS = 2000;
const PART_BYTES = 8 * 1024 * 1024;
const TRIES = 4;

const list = byId("installs", HTMLElement);
const button = byId("upload", HTMLButtonElement);
const picker = byId("upload-file", HTMLInputElement);
const bar = byId("upload-progress", HTMLProgressElement);
let timer = 0;

/** Show the installs as they are now, and again in a moment while one is under way. */
async function refresh() {
  clearTimeout(timer);
  const response = await fetch(location.pathname, { headers: { "HX-Request": "true" } });
  if (response.redirected) location.assign(response.url);
  else if (response.ok) {
    const wasOpen = list.querySelectorAll("[data-open]").length;
    list.replaceChildren(document.createRange().createContextualFragment(await response.text()));
    // What has been installed stands in the list below.
    if (list.querySelectorAll("[data-open]").length < wasOpen && !button.disabled) {
      location.reload();
    }
  }
  poll();
}

function poll() {
  if (list.querySelector("[data-open]")) timer = setTimeout(() => void refresh(), POLL_MS);
}

/**
 * Send a part, again after a pause where the connection fails.
 *
 * @param {string} id
 * @param {File} file
 * @param {number} start
 */
async function sendSafely(id, file, start) {
  const part = file.slice(start, start + PART_BYTES);
  for (let tries = 1; ; tries += 1) {
    try {
      return await sendPart(id, part, start, file.size);
    } catch (error) {
      if (tries === TRIES) throw error;
      await new Promise((resolve) => {
        setTimeout(resolve, 1000 * tries);
      });
    }
  }
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
  while (done < file.size) {
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

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || form.dataset.delete === undefined) return;
  event.preventDefault();
  void askToDelete(form, form.dataset.delete);
});

poll();
