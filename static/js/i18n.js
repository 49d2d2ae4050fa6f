// @ts-check
/** Words and numbers in the language of the page; the catalogue itself comes from Django. */

/** @import {QueuePlace} from "./types.js" */

const language = document.documentElement.lang || "en";
const oneDigit = new Intl.NumberFormat(language, {
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
const percentage = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 });

/**
 * Fill the named places of a translated message: `fill(gettext("Step %(step)s"), {step: 3})`.
 *
 * @param {string} message
 * @param {Record<string, string | number>} values
 * @returns {string}
 */
export function fill(message, values) {
  return interpolate(message, values, true);
}

/**
 * @param {number} value
 * @returns {string}
 */
export function formatNumber(value) {
  return whole.format(value);
}

/**
 * @param {number} percent 0 to 100
 * @returns {string}
 */
export function formatPercent(percent) {
  return percentage.format(percent / 100);
}

/**
 * @param {number} seconds
 * @returns {string} "0.8 s", "12 s" or "3:05"
 */
export function formatSeconds(seconds) {
  if (seconds >= 100) {
    const minutes = Math.floor(seconds / 60);
    return `${minutes}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
  }
  const value = seconds >= 10 ? whole.format(seconds) : oneDigit.format(seconds);
  return fill(gettext("%(seconds)s s"), { seconds: value });
}

/**
 * @param {QueuePlace} place
 * @returns {string} what a waiting job waits for, and when it will start if that is known
 */
export function placeInWords({ waiting_for, starts_in }) {
  const words = {
    worker: gettext("Waiting for a worker"),
    own_job: gettext("Waiting for your other job"),
    idle: gettext("Waiting until nobody else needs the GPU"),
    paused: gettext("Your queue is paused"),
  }[waiting_for];
  if (!starts_in || starts_in.latest === null || starts_in.latest <= 1) return words;
  const times = {
    words,
    least: formatSeconds(starts_in.earliest),
    most: formatSeconds(starts_in.latest),
  };
  return fill(gettext("%(words)s · starts in %(least)s to %(most)s"), times);
}
