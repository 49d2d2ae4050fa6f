// @ts-check
/** The days of a search, as its reader counts them. */

import { boundsOf } from "./board_days.js";
import { byId } from "./dom.js";

/** @returns {HTMLInputElement[]} the first day and the last */
function dayFields() {
  const fields = byId("search", HTMLFormElement).querySelectorAll("[data-day]");
  return /** @type {HTMLInputElement[]} */ (Array.from(fields));
}

/**
 * @param {Date} moment
 * @returns {string} the day it is on here, as in "2026-11-26"
 */
function dayOf(moment) {
  const parts = [moment.getFullYear(), moment.getMonth() + 1, moment.getDate()];
  return parts.map((part) => String(part).padStart(2, "0")).join("-");
}

/**
 * The address has moments, which are the same to everybody; the last day ends before `until`.
 *
 * @param {HTMLInputElement} field
 * @returns {HTMLInputElement} what is sent for it
 */
function momentOf(field) {
  return byId(`search-${field.dataset.day ?? ""}`, HTMLInputElement);
}

/** Show the days of the search, and have what is chosen sent as moments. */
export function startFilters() {
  for (const field of dayFields()) {
    const { value } = momentOf(field);
    const isLast = field.dataset.day === "until";
    if (value) field.value = dayOf(new Date(Date.parse(value) - Number(isLast)));
    field.addEventListener("change", () => {
      const bounds = field.value ? boundsOf(field.value) : null;
      momentOf(field).value = bounds?.[isLast ? 1 : 0].toISOString() ?? "";
    });
    field.closest("label")?.removeAttribute("hidden");
  }
}
