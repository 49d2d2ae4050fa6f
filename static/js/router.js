// @ts-check
/**
 * Going from page to page inside one document, so that the socket and what it tells live on.
 *
 * Plain links of the studio are fetched and put in the place of the page; whatever is unusual is
 * left to the browser, and so are forms. Each entry of the history has a key in its state: with
 * the key of the page that is shown it is the page's own, with any other it is another page.
 */

import { ApiError } from "./api.js";
import { announce, byId, confirmed, make } from "./dom.js";
import { addStyles, fits, swapIn } from "./page_swap.js";
import { toastError } from "./toast.js";

const LINE_AFTER_MS = 150;
const PREFETCH_AFTER_MS = 80;
/** What is fetched before it is asked for may be old by then. */
const FRESH_MS = 2000;
const SCROLLS_KEPT = 100;
/** Files, the admin and the API are no pages of the studio. */
const NO_PAGE = /^\/(api|admin|files|images|static|media|ws)\//;

/**
 * A page to be shown here, or what the browser has to do with the address.
 *
 * @typedef {{url: string, next: Document, askedAt: number} | "load" | "download"} Fetched
 */
/** @typedef {"push" | "replace" | "pop"} Way how the history gets to a page */

/**
 * What happens to pages.
 *
 * @typedef {object} Pages
 * @property {() => string} loss what would be lost if the page were left, "" if nothing
 * @property {() => void} leave
 * @property {(askedAt: number) => Promise<void>} enter
 */

/** @type {Router | null} */
let started = null;

/**
 * Go to a page of the studio as a link would.
 *
 * @param {string} href
 * @param {{replaces?: boolean}} [options] whether the page that is shown leaves the history
 */
export function visit(href, options) {
  if (started) void started.visit(new URL(href, location.href).href, options);
  else location.assign(href);
}

/**
 * Give the page that is shown another address, which a reload and the way back lead to.
 *
 * @param {string} href
 */
export function readdress(href) {
  history.replaceState(history.state, "", href);
  started?.noteAddress();
}

export class Router {
  #pages;
  #count = 0;
  #entry = "";
  #address = "";
  /** @type {AbortController | null} what is asked for now */
  #asking = null;
  /** @type {Map<string, number>} where pages of the history were scrolled to */
  #scrolls = new Map();
  /** @type {{href: string, at: number, page: Promise<Fetched>} | null} */
  #prefetched = null;
  #prefetchTimer = 0;
  #line = make("div", { class: "page-line", hidden: "" });
  /** Whether the way back was taken on purpose, past what guards the page. */
  #isSure = false;

  /** @param {Pages} pages */
  constructor(pages) {
    this.#pages = pages;
  }

  start() {
    started = this;
    document.body.append(this.#line);
    this.#stamp();
    // The browser would scroll the page that is left. It does so again for pages loaded whole.
    history.scrollRestoration = "manual";
    addEventListener("pagehide", () => (history.scrollRestoration = "auto"));
    addEventListener("pageshow", () => (history.scrollRestoration = "manual"));
    addEventListener("popstate", () => void this.#pop());
    // On the window: a page that makes something else of a link has done so by then.
    addEventListener("click", (event) => this.#click(event));
    for (const type of ["pointerover", "focusin"]) {
      addEventListener(type, (event) => this.#prefetchSoon(event, PREFETCH_AFTER_MS));
    }
    addEventListener("touchstart", (event) => this.#prefetchSoon(event, 0), { passive: true });
  }

  /**
   * @param {string} href
   * @param {{replaces?: boolean}} [options]
   */
  async visit(href, { replaces = false } = {}) {
    // As in the browser, a link to the page that is shown shows it anew.
    const way = replaces || href === location.href ? "replace" : "push";
    if (await this.#mayLeave()) await this.#go(href, way);
  }

  /** The address of the page is another one, and the page the same. */
  noteAddress() {
    this.#address = location.pathname + location.search;
  }

  /** @returns {Promise<boolean>} */
  #mayLeave() {
    const text = this.#pages.loss();
    if (text === "") return Promise.resolve(true);
    return confirmed({
      title: gettext("Leave this page?"),
      text,
      yes: gettext("Leave"),
      no: gettext("Stay"),
    });
  }

  /** Say in the state of the current entry that it is the page's that is shown. */
  #stamp() {
    this.#count += 1;
    this.#entry = `${performance.timeOrigin}.${this.#count}`;
    this.noteAddress();
    history.replaceState({ ...history.state, entry: this.#entry }, "");
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const link = linkAt(event);
    if (!link || event.defaultPrevented || event.button !== 0) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    void this.visit(link.href);
  }

  async #pop() {
    const { entry } = history.state ?? {};
    if (entry === this.#entry) {
      // Back before the other page was there.
      this.#asking?.abort();
      return;
    }
    if (entry === undefined && location.pathname + location.search === this.#address) {
      // A link to a place on this page.
      history.replaceState({ ...history.state, entry: this.#entry }, "");
      return;
    }
    const loss = this.#isSure ? "" : this.#pages.loss();
    this.#isSure = false;
    if (loss === "") {
      await this.#go(location.href, "pop", this.#scrolls.get(entry));
      return;
    }
    // The address is that of the other page already: it becomes this one's again.
    history.pushState({ entry: this.#entry }, "", this.#address);
    if (!(await this.#mayLeave())) return;
    this.#isSure = true;
    history.back();
  }

  /**
   * @param {string} href
   * @param {Way} way
   * @param {number} [scroll] where the page was scrolled to when it was left
   */
  async #go(href, way, scroll = 0) {
    this.#asking?.abort();
    clearTimeout(this.#prefetchTimer);
    const asking = new AbortController();
    const { signal } = asking;
    this.#asking = asking;
    const main = byId("main", HTMLElement);
    main.setAttribute("aria-busy", "true");
    const timer = setTimeout(() => (this.#line.hidden = false), LINE_AFTER_MS);
    try {
      const page = await this.#fetched(href, signal);
      if (signal.aborted) return;
      if (page === "download") location.assign(href);
      else if (page === "load") {
        this.#pages.leave();
        if (way === "push") location.assign(href);
        else if (way === "replace") location.replace(href);
        else location.reload();
        // Until it is gone the page is as busy as before.
        await never();
      } else {
        await addStyles(page.next);
        if (!signal.aborted) await this.#show(page, way, scroll);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (way === "pop") history.pushState({ entry: this.#entry }, "", this.#address);
      toastError(error);
    } finally {
      clearTimeout(timer);
      if (this.#asking === asking) {
        this.#asking = null;
        this.#line.hidden = true;
        main.removeAttribute("aria-busy");
      }
    }
  }

  /**
   * @param {Exclude<Fetched, string>} page
   * @param {Way} way
   * @param {number} scroll
   */
  async #show({ url, next, askedAt }, way, scroll) {
    if (way !== "replace") this.#keepScroll();
    if (way === "push") {
      // A page that wrote a state of its own must be found again all the same.
      history.replaceState({ ...history.state, entry: this.#entry }, "");
    }
    this.#pages.leave();
    if (way === "push") history.pushState({}, "", url);
    else history.replaceState({}, "", url);
    this.#stamp();
    const main = swapIn(next);
    main.setAttribute("aria-busy", "true");
    scrollTo(0, 0);
    const wanted = main.querySelector("[autofocus]");
    (wanted instanceof HTMLElement ? wanted : main).focus({ preventScroll: true });
    announce(document.title.split(" · ")[0] ?? "");
    await this.#pages.enter(askedAt);
    main.removeAttribute("aria-busy");
    if (!main.isConnected) return;
    const place = location.hash && document.getElementById(location.hash.slice(1));
    if (place) place.scrollIntoView();
    else if (scroll > 0) scrollTo(0, scroll);
  }

  #keepScroll() {
    this.#scrolls.delete(this.#entry);
    this.#scrolls.set(this.#entry, scrollY);
    const [oldest] = this.#scrolls.keys();
    if (this.#scrolls.size > SCROLLS_KEPT && oldest !== undefined) this.#scrolls.delete(oldest);
  }

  /**
   * @param {string} href
   * @param {AbortSignal} signal
   * @returns {Promise<Fetched>}
   */
  #fetched(href, signal) {
    const known = this.#prefetched;
    this.#prefetched = null;
    if (known?.href === href && performance.now() - known.at < FRESH_MS) return known.page;
    return fetchPage(href, signal);
  }

  /**
   * @param {Event} event
   * @param {number} delayMs
   */
  #prefetchSoon(event, delayMs) {
    clearTimeout(this.#prefetchTimer);
    const link = linkAt(event);
    // A wall of pictures would ask for each that the pointer passes.
    if (!link || link.closest("main") || this.#asking) return;
    const { href } = link;
    if (href === location.href || this.#prefetched?.href === href) return;
    this.#prefetchTimer = setTimeout(() => {
      const page = fetchPage(href, AbortSignal.timeout(FRESH_MS * 5));
      // Whoever asks for it in earnest is told.
      page.catch(() => undefined);
      this.#prefetched = { href, at: performance.now(), page };
    }, delayMs);
  }
}

/** @returns {Promise<void>} */
function never() {
  return new Promise(() => {});
}

/**
 * @param {Event} event
 * @returns {HTMLAnchorElement | null} a link to another page of this site, to be shown here
 */
function linkAt({ target }) {
  const link = target instanceof Element ? target.closest("a[href]") : null;
  if (!(link instanceof HTMLAnchorElement) || link.hasAttribute("download")) return null;
  if (link.origin !== location.origin || NO_PAGE.test(link.pathname)) return null;
  if (link.target !== "" && link.target !== "_self") return null;
  const isPlace = link.hash !== "" && link.href.split("#")[0] === location.href.split("#")[0];
  return isPlace || link.getAttribute("href")?.startsWith("#") ? null : link;
}

/**
 * @param {string} href
 * @param {AbortSignal} signal
 * @returns {Promise<Fetched>}
 */
async function fetchPage(href, signal) {
  const askedAt = performance.now();
  let response;
  try {
    response = await fetch(href, { headers: { Accept: "text/html" }, signal });
  } catch {
    const detail = gettext("The server cannot be reached. Check the connection and try again.");
    throw new ApiError(0, { detail, code: "unreachable" });
  }
  const isPage = response.headers.get("Content-Type")?.startsWith("text/html");
  if (!response.ok || !isPage) {
    await response.body?.cancel();
    return response.ok ? "download" : "load";
  }
  const next = new DOMParser().parseFromString(await response.text(), "text/html");
  const url = new URL(response.url);
  url.hash = new URL(href).hash;
  return fits(next) ? { url: url.href, next, askedAt } : "load";
}
