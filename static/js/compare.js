// @ts-check
/** Two pictures over each other, with a line between them that is moved. */

import { byId } from "./dom.js";
import { Zoom } from "./zoom.js";

/** @typedef {{name: string, title: string}} Compared */

/**
 * Open the comparison of two pictures.
 *
 * @param {Compared} before shown at the left of the line
 * @param {Compared} after
 */
export function compare(before, after) {
  const dialog = byId("compare", HTMLDialogElement);
  const stage = byId("compare-stage", HTMLElement);
  const range = byId("compare-range", HTMLInputElement);
  const pictures = [put("before", before), put("after", after)];
  const closing = new AbortController();
  const { signal } = closing;
  const split = () => stage.style.setProperty("--at", `${range.value}%`);
  range.value = "50";
  split();
  dialog.showModal();
  range.focus();
  const zoom = new Zoom(stage, pictures);
  range.addEventListener("input", split, { signal });
  byId("compare-close", HTMLButtonElement).addEventListener("click", () => dialog.close(), {
    signal,
  });
  dialog.addEventListener(
    "keydown",
    (event) => {
      // The page below knows other keys.
      event.stopPropagation();
      if (!event.ctrlKey && !event.metaKey && zoom.press(event.key)) event.preventDefault();
    },
    { signal },
  );
  stage.addEventListener(
    "pointerdown",
    (event) => {
      const line = event.target instanceof Element && event.target.closest(".compare__line");
      if (!line) return;
      event.preventDefault();
      line.setPointerCapture(event.pointerId);
    },
    { signal },
  );
  stage.addEventListener(
    "pointermove",
    (event) => {
      const line = event.target instanceof Element && event.target.closest(".compare__line");
      if (!line || !line.hasPointerCapture(event.pointerId)) return;
      const { left, width } = stage.getBoundingClientRect();
      range.value = String(((event.clientX - left) / width) * 100);
      split();
    },
    { signal },
  );
  dialog.addEventListener(
    "close",
    () => {
      closing.abort();
      zoom.close();
      for (const picture of pictures) picture.removeAttribute("src");
    },
    { signal },
  );
}

/**
 * @param {"before" | "after"} side
 * @param {Compared} compared
 */
function put(side, { name, title }) {
  const picture = byId(`compare-${side}`, HTMLImageElement);
  picture.src = `/api/v1/images/${encodeURIComponent(name)}/full`;
  picture.alt = title;
  byId(`compare-name-${side}`, HTMLElement).textContent = title;
  return picture;
}
