// @ts-check
/** Where a popover stands that belongs to a button. */

const EDGE = 8;
const GAP = 4;

/**
 * Put an open popover below its button, or above where there is more room.
 *
 * @param {HTMLElement} popup
 * @param {Element} anchor
 */
export function placeBeside(popup, anchor) {
  const beside = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = popup;
  const fitsBelow = beside.bottom + GAP + height + EDGE <= innerHeight;
  const top = fitsBelow ? beside.bottom + GAP : Math.max(EDGE, beside.top - height - GAP);
  const left = Math.min(beside.left, innerWidth - width - EDGE);
  popup.style.top = `${Math.max(EDGE, Math.min(top, innerHeight - height - EDGE))}px`;
  popup.style.left = `${Math.max(EDGE, left)}px`;
}
