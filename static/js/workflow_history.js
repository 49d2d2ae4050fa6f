// @ts-check
/** The steps of a workflow's changes, to be taken back and done again. */

const MOST_STEPS = 300;
const JOIN_WITHIN_MS = 1200;

/** @template State what stands at one moment, and is never changed */
export class Steps {
  /** @type {{before: State, joins: string, at: number}[]} */
  #past = [];
  /** @type {State[]} */
  #future = [];

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  clear() {
    this.#past = [];
    this.#future = [];
  }

  /**
   * @param {State} before the step
   * @param {string} joins steps in a row that join the same are one; "" joins nothing
   */
  add(before, joins) {
    const at = performance.now();
    const last = this.#past.at(-1);
    const isJoined = joins !== "" && last?.joins === joins && at - last.at < JOIN_WITHIN_MS;
    if (last && isJoined) last.at = at;
    else this.#past.push({ before, joins, at });
    if (this.#past.length > MOST_STEPS) this.#past.shift();
    this.#future = [];
  }

  /**
   * Make all the steps that `act` takes one.
   *
   * @template T
   * @param {() => T} act
   * @returns {T}
   */
  together(act) {
    const { length } = this.#past;
    const result = act();
    this.#past.splice(length + 1);
    return result;
  }

  /**
   * @param {State} now
   * @returns {State | null} what was before; null if there is no step to take back
   */
  undo(now) {
    const step = this.#past.pop();
    if (!step) return null;
    this.#future.push(now);
    return step.before;
  }

  /**
   * @param {State} now
   * @returns {State | null} what was taken back; null if nothing was
   */
  redo(now) {
    const state = this.#future.pop() ?? null;
    if (state) this.#past.push({ before: now, joins: "", at: 0 });
    return state;
  }
}
