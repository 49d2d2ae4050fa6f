// @ts-check
/** The steps that can be taken back and again, within a bounded memory. */

const MOST_STEPS = 200;
const MOST_BYTES = 256 * 1024 ** 2;
const JOIN_WITHIN_MS = 1000;
// The last ones may be wanted at once, and so does the one that is still warm.
const UNPACKED = 2;

/**
 * @typedef {object} Step
 * @property {string} label what it did, for people
 * @property {() => void} undo
 * @property {() => void} redo
 * @property {{bytes: number, pack(most: number): number}[]} [patches] what it holds on to
 * @property {string} [joins] steps in a row that join the same are one
 */

export class History {
  /** @type {(Step & {state: symbol, at: number})[]} */
  #done = [];
  /** @type {(Step & {state: symbol, at: number})[]} */
  #undone = [];
  #first = Symbol("start");

  /** Stands for the document as it is: the same one again after undo. */
  get state() {
    return this.#done.at(-1)?.state ?? this.#first;
  }

  get canUndo() {
    return this.#done.length > 0;
  }

  get canRedo() {
    return this.#undone.length > 0;
  }

  get bytes() {
    return [...this.#done, ...this.#undone].reduce((sum, step) => sum + bytesIn(step), 0);
  }

  /** @param {Step} step that has been taken */
  add(step) {
    const last = this.#done.at(-1);
    const at = performance.now();
    const state = Symbol("step");
    this.#undone = [];
    if (last?.joins && last.joins === step.joins && at - last.at < JOIN_WITHIN_MS) {
      Object.assign(last, { redo: step.redo, state, at });
      return;
    }
    this.#done.push({ ...step, state, at });
    while (this.#done.length > MOST_STEPS) this.#forget();
    this.#bound();
  }

  /** @returns {Step | null} what was taken back */
  undo() {
    const step = this.#done.pop() ?? null;
    if (!step) return null;
    step.undo();
    // A step after this one is another one, however soon it comes.
    step.at = -Infinity;
    this.#undone.push(step);
    return step;
  }

  /** Take the last step back as if it had never been. */
  drop() {
    this.#done.pop()?.undo();
  }

  /** @returns {Step | null} what was done again */
  redo() {
    const step = this.#undone.pop() ?? null;
    if (!step) return null;
    step.redo();
    this.#done.push(step);
    return step;
  }

  /**
   * Pack a little of what lies further back.
   *
   * @param {number} most tiles
   * @returns {boolean} whether there may be more to pack
   */
  pack(most) {
    let left = most;
    for (const step of [...this.#done.slice(0, -UNPACKED), ...this.#undone.slice(0, -UNPACKED)]) {
      for (const patch of step.patches ?? []) left -= patch.pack(left);
      if (left <= 0) return true;
    }
    this.#bound();
    return false;
  }

  #bound() {
    // What was just done can be taken back, however large it is.
    while (this.bytes > MOST_BYTES && this.#done.length > 1) this.#forget();
  }

  #forget() {
    const step = this.#done.shift();
    if (step) this.#first = step.state;
  }
}

/** @param {Step} step */
function bytesIn(step) {
  return (step.patches ?? []).reduce((sum, patch) => sum + patch.bytes, 0);
}
