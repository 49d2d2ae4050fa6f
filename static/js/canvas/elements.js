// @ts-check

/**
 * Return the element below `root` that matches, which must be there and of that type.
 *
 * @template {Element} T
 * @param {Element} root
 * @param {string} selector
 * @param {new () => T} type
 * @returns {T}
 */
export function find(root, selector, type) {
  const element = root.querySelector(selector);
  if (!(element instanceof type)) throw new TypeError(`${selector} is missing or of another type`);
  return element;
}

/**
 * @param {EventTarget | null} target
 * @returns {boolean} whether keys write there
 */
export function isWriting(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.closest("dialog, [popover]:popover-open")) return true;
  if (target instanceof HTMLInputElement) {
    return !["range", "color", "checkbox", "radio", "button", "file"].includes(target.type);
  }
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}
