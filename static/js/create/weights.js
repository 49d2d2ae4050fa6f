// @ts-check
/** Weights of words by the keyboard, in the grammar of prompts: `(a red cat:1.2)`. */

const STEP = 0.1;
const LEAST = 0;
const MOST = 5;
const WEIGHED = /^(.*?):\s*(\d+(?:\.\d*)?|\.\d+)\s*$/s;
// What separates words: signs of the grammars of weights and of templates as well.
const BOUNDARY = /[\s,.;:!?()[\]{}|]/;

/**
 * @typedef {object} Change
 * @property {number} start what is to be replaced
 * @property {number} end
 * @property {string} text by what
 * @property {number} from what is selected afterwards
 * @property {number} to
 */

/**
 * @param {string} text
 * @param {number} at
 */
function isEscaped(text, at) {
  let count = 0;
  while (text[at - 1 - count] === "\\") count += 1;
  return count % 2 === 1;
}

/**
 * Return the innermost round brackets around a selection, if they carry a weight.
 *
 * @param {string} text
 * @param {number} start
 * @param {number} end
 * @returns {{open: number, close: number, inner: string, weight: number} | null}
 */
function bracketsAround(text, start, end) {
  /** @type {number[]} */
  const opened = [];
  for (let at = 0; at < text.length; at += 1) {
    if (isEscaped(text, at)) continue;
    if (text[at] === "(") opened.push(at);
    if (text[at] !== ")") continue;
    const open = opened.pop();
    if (open === undefined || open > start || at + 1 < end) continue;
    const found = WEIGHED.exec(text.slice(open + 1, at));
    if (found) return { open, close: at, inner: found[1] ?? "", weight: Number(found[2]) };
  }
  return null;
}

/**
 * @param {string} text
 * @param {number} at
 * @returns {{start: number, end: number}} the word there
 */
function wordAt(text, at) {
  let [start, end] = [at, at];
  while (start > 0 && !BOUNDARY.test(text[start - 1] ?? "")) start -= 1;
  while (end < text.length && !BOUNDARY.test(text[end] ?? "")) end += 1;
  return { start, end };
}

/**
 * Return how a text changes when the selected words, or the word at the caret, weigh more or less.
 *
 * @param {string} text
 * @param {number} start of the selection
 * @param {number} end
 * @param {1 | -1} direction
 * @returns {Change | null} null if there is no word or the weight is at its limit
 */
export function reweigh(text, start, end, direction) {
  const around = bracketsAround(text, start, end);
  if (around) {
    const { open, close, inner } = around;
    return changed(open, close + 1, inner, around.weight, direction);
  }
  const words = start === end ? wordAt(text, start) : trimmed(text, start, end);
  if (words.start === words.end) return null;
  return changed(words.start, words.end, text.slice(words.start, words.end), 1, direction);
}

/**
 * @param {string} text
 * @param {number} start
 * @param {number} end
 */
function trimmed(text, start, end) {
  const selected = text.slice(start, end);
  const from = start + selected.length - selected.trimStart().length;
  return { start: from, end: from + selected.trim().length };
}

/**
 * @param {number} start
 * @param {number} end
 * @param {string} words
 * @param {number} weight they have
 * @param {1 | -1} direction
 * @returns {Change | null}
 */
function changed(start, end, words, weight, direction) {
  const next = Math.round((weight + direction * STEP) * 100) / 100;
  if (next < LEAST || next > MOST) return null;
  const isPlain = next === 1;
  const text = isPlain ? words : `(${words}:${String(next)})`;
  const from = start + (isPlain ? 0 : 1);
  return { start, end, text, from, to: from + words.length };
}

/**
 * Replace a part of a field so that the browser's own undo takes it back.
 *
 * @param {HTMLTextAreaElement} field
 * @param {Change} change
 */
export function applyChange(field, { start, end, text, from, to }) {
  field.focus();
  field.setSelectionRange(start, end);
  // Out of favour, and all the same the one way of writing that undo knows of.
  if (!document.execCommand("insertText", false, text)) {
    field.setRangeText(text, start, end, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  field.setSelectionRange(from, to);
}
