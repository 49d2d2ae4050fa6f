// @ts-check
/** Typed access to the page, and small pieces of it made by hand. */

/**
 * Return the element of that id, which must be there and of that type.
 *
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new TypeError(`#${id} is missing or of another type`);
  return element;
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string>} [attributes]
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/**
 * @param {string} name a symbol of `partials/icons.html`
 * @returns {SVGSVGElement}
 */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

/**
 * Bring something into view: smoothly, but for who wants no motion.
 *
 * @param {Element} element
 * @param {ScrollLogicalPosition} block
 */
export function bringIntoView(element, block) {
  // The rule of the style sheet does not bind scripts.
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  element.scrollIntoView({ block, behavior: isCalm ? "auto" : "smooth" });
}

/**
 * Say something to people who listen to the page rather than look at it.
 *
 * @param {string} message
 */
export function announce(message) {
  byId("announcer", HTMLElement).textContent = message;
}

/** @type {WeakMap<HTMLDialogElement, () => void>} what tells the answer of the question on it */
const unanswered = new WeakMap();

/**
 * Show a dialog of the page and wait for its answer.
 *
 * @param {HTMLDialogElement} dialog
 * @returns {Promise<boolean>} whether it is yes
 */
export function asked(dialog) {
  unanswered.get(dialog)?.();
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    const end = () => {
      // The event of an earlier question's end comes late: it is no answer to this one.
      if (dialog.open) return;
      dialog.removeEventListener("close", end);
      unanswered.delete(dialog);
      resolve(dialog.returnValue === "yes");
    };
    unanswered.set(dialog, end);
    dialog.addEventListener("close", end);
  });
}

/**
 * Ask a yes-or-no question about something that cannot be taken back.
 *
 * @param {{title: string, text: string, yes: string, no?: string}} question `no` is to keep what
 *   there is, if nothing else is said
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, text, yes, no }) {
  byId("confirm-title", HTMLElement).textContent = title;
  byId("confirm-text", HTMLElement).textContent = text;
  byId("confirm-yes", HTMLButtonElement).textContent = yes;
  const dialog = byId("confirm", HTMLDialogElement);
  const other = dialog.querySelector('button[value="no"]');
  if (other instanceof HTMLButtonElement) {
    other.dataset.keep ??= other.textContent;
    other.textContent = no ?? other.dataset.keep;
  }
  return asked(dialog);
}
