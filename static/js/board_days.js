// @ts-check
/** Boards that nobody made: the days that have pictures, in the time zone of who looks. */

import { make } from "./dom.js";
import { formatNumber } from "./i18n.js";
import { listDays } from "./library_api.js";
import { toastError } from "./toast.js";

/** @import {Day} from "./types.js" */

const written = new Intl.DateTimeFormat(document.documentElement.lang || "en", {
  dateStyle: "medium",
});

/**
 * @param {string} day as in "2026-11-26"
 * @returns {[Date, Date]} when it begins and when it is over, here
 */
export function boundsOf(day) {
  const [year = 0, month = 1, date = 1] = day.split("-").map(Number);
  return [new Date(year, month - 1, date), new Date(year, month - 1, date + 1)];
}

/**
 * @param {Day} day
 * @param {URLSearchParams} asked what the address asks for
 */
function itemOf({ day, image_count: count }, asked) {
  const [begins, ends] = boundsOf(day);
  const query = new URLSearchParams({ since: begins.toISOString(), until: ends.toISOString() });
  const link = make(
    "a",
    { class: "board", href: `${location.pathname}?${query}` },
    make("span", { class: "board__name" }, written.format(begins)),
    " ",
    make("span", { class: "board__count" }, formatNumber(count)),
  );
  const isShown = ["since", "until"].every((name) => asked.get(name) === query.get(name));
  if (isShown) link.setAttribute("aria-current", "page");
  return make("li", { class: "shelf__item" }, link);
}

async function fillDays() {
  const list = document.getElementById("day-list");
  if (!list || list.childElementCount > 0) return;
  const asked = new URLSearchParams(location.search);
  try {
    const days = await listDays(Intl.DateTimeFormat().resolvedOptions().timeZone);
    list.replaceChildren(...days.map((day) => itemOf(day, asked)));
    list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  } catch (error) {
    toastError(error);
  }
}

/**
 * Offer the days, which need the time zone of the browser and are asked for when unfolded.
 *
 * @param {boolean} open
 */
export function startDays(open) {
  const fold = document.getElementById("days");
  if (!(fold instanceof HTMLDetailsElement)) return;
  fold.hidden = false;
  fold.addEventListener("toggle", () => {
    if (fold.open) void fillDays();
  });
  fold.open = open;
}
