// @ts-check
/** Putting a page as the server renders it into the place of the one that is shown. */

import { byId } from "./dom.js";

/** A page is shown without a style that takes longer: its words are worth more. */
const STYLES_WITHIN_MS = 3000;

/**
 * @param {Document} page
 * @returns {Element[]} what of the frame leads to pages, in order, as the server rendered it
 */
function frameOf(page) {
  const found = page.querySelectorAll(":is(.site-header, .account-menu) :is(a, button)");
  return Array.from(found).filter((element) => !element.closest("[data-made]"));
}

/**
 * @param {Document} page
 * @returns {string} the scripts of its head, which change with their version
 */
function scriptsOf(page) {
  const scripts = Array.from(page.head.querySelectorAll("script[src]"));
  return scripts.map((script) => script.getAttribute("src")).join(" ");
}

/**
 * @param {Document} page
 * @returns {HTMLLinkElement[]}
 */
function stylesOf(page) {
  return Array.from(page.head.querySelectorAll("link[rel=stylesheet]"));
}

/**
 * @param {Document} next
 * @returns {boolean} whether it can take the place of what is shown: the same studio of the same
 *   user in the same language, with the same scripts
 */
export function fits(next) {
  const main = next.getElementById("main");
  return (
    main !== null &&
    main.querySelector('script:not([type="application/json"])') === null &&
    next.body.dataset.socketPath !== undefined &&
    next.body.dataset.userId === document.body.dataset.userId &&
    next.documentElement.lang === document.documentElement.lang &&
    scriptsOf(next) === scriptsOf(document) &&
    frameOf(next).length === frameOf(document).length
  );
}

/**
 * Add the styles of a page before it is shown, so that it never flashes without them, and have
 * its modules fetched meanwhile.
 *
 * @param {Document} next
 */
export async function addStyles(next) {
  for (const link of next.head.querySelectorAll("link[rel=modulepreload]")) {
    const href = CSS.escape(link.getAttribute("href") ?? "");
    const known = document.head.querySelector(`link[rel=modulepreload][href="${href}"]`);
    if (!known) document.head.append(document.importNode(link));
  }
  const known = new Set(stylesOf(document).map((link) => link.getAttribute("href")));
  const loads = stylesOf(next)
    .filter((link) => !known.has(link.getAttribute("href")))
    .map((link) => {
      const own = document.importNode(link);
      // The page that is shown still is none of its matter.
      own.dataset.waits = own.media;
      own.media = "not all";
      const settled = new Promise((resolve) => {
        own.addEventListener("load", resolve, { once: true });
        own.addEventListener("error", resolve, { once: true });
      });
      document.head.append(own);
      return settled;
    });
  if (loads.length === 0) return;
  let timer = 0;
  const tooLong = new Promise((resolve) => {
    timer = setTimeout(resolve, STYLES_WITHIN_MS);
  });
  await Promise.race([Promise.all(loads), tooLong]);
  clearTimeout(timer);
}

/**
 * Show a page in the place of the one that is shown.
 *
 * @param {Document} next one that fits, and is used up
 * @returns {HTMLElement} its `main`
 */
export function swapIn(next) {
  closeWhatIsOpen();
  document.title = next.title;
  takeAttributes(document.body, next.body);
  const token = next.querySelector('meta[name="csrf-token"]')?.getAttribute("content");
  if (token) document.querySelector('meta[name="csrf-token"]')?.setAttribute("content", token);
  markCurrent(next);
  const main = document.adoptNode(/** @type {HTMLElement} */ (next.getElementById("main")));
  byId("main", HTMLElement).replaceWith(main);
  document.querySelector(".plan-banner")?.remove();
  const banner = next.querySelector(".plan-banner");
  if (banner) main.before(document.adoptNode(banner));
  const wanted = new Set(stylesOf(next).map((link) => link.getAttribute("href")));
  for (const link of stylesOf(document)) {
    if (!wanted.has(link.getAttribute("href"))) link.remove();
    else if (link.dataset.waits !== undefined) {
      link.media = link.dataset.waits;
      delete link.dataset.waits;
    }
  }
  htmx.process(main);
  return main;
}

/** What lies over the page belongs to it; only what was said stays. */
function closeWhatIsOpen() {
  for (const dialog of document.querySelectorAll("dialog[open]")) {
    if (dialog instanceof HTMLDialogElement) dialog.close();
  }
  for (const popover of document.querySelectorAll("[popover]:popover-open:not(#toasts)")) {
    if (popover instanceof HTMLElement) popover.hidePopover();
  }
}

/**
 * @param {Element} element
 * @param {Element} from
 */
function takeAttributes(element, from) {
  for (const name of element.getAttributeNames()) {
    if (!from.hasAttribute(name)) element.removeAttribute(name);
  }
  for (const { name, value } of from.attributes) element.setAttribute(name, value);
}

/** @param {Document} next */
function markCurrent(next) {
  const incoming = frameOf(next);
  for (const [index, element] of frameOf(document).entries()) {
    for (const name of ["aria-current", "data-current"]) {
      const value = incoming[index]?.getAttribute(name) ?? null;
      if (value === null) element.removeAttribute(name);
      else element.setAttribute(name, value);
    }
  }
}
