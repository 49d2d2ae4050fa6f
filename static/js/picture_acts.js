// @ts-check
/** What is done to pictures, one or many, and how each is undone. */

import { drawShelf } from "./boards.js";
import { fill, formatNumber } from "./i18n.js";
import { actOnPictures, movePictures } from "./library_api.js";
import { changeTile } from "./tiles.js";
import { toast, toastError } from "./toast.js";

/** @import {Facts} from "./types.js" */
/** @import {PageList} from "./page_list.js" */
/** @import {Selection} from "./selection.js" */

/**
 * @param {Facts[]} facts
 * @returns {string[]}
 */
function namesOf(facts) {
  return facts.map(({ name }) => name);
}

/**
 * @template {string | number} K
 * @param {Facts[]} facts
 * @param {(facts: Facts) => K} keyOf
 * @returns {[K, string[]][]} names by what they have in common
 */
function grouped(facts, keyOf) {
  return [...Map.groupBy(facts, keyOf)].map(([key, group]) => [key, namesOf(group)]);
}

/**
 * @param {string} message with `%(count)s` in it
 * @param {number} count
 */
function counted(message, count) {
  return fill(message, { count: formatNumber(count) });
}

export class PictureActs {
  #list;
  #selection;
  #board;

  /**
   * @param {PageList} list
   * @param {Selection} selection
   * @param {string} board the one that is looked at, "none", or "" for all pictures
   */
  constructor(list, selection, board) {
    this.#list = list;
    this.#selection = selection;
    this.#board = board;
  }

  /** @param {Facts[]} facts */
  async trash(facts) {
    const names = namesOf(facts);
    const act = () => actOnPictures("trash", names);
    if (!(await this.#succeeds(act))) return;
    const putBack = this.#take(names);
    const message = ngettext(
      "The picture is in the trash for 30 days.",
      "%(count)s pictures are in the trash for 30 days.",
      names.length,
    );
    this.#tell(counted(message, names.length), async () => {
      await actOnPictures("restore", names);
      putBack();
    });
  }

  /**
   * @param {Facts[]} facts
   * @param {string} board its id, or "none"
   * @param {string} title what it is called
   */
  async move(facts, board, title) {
    const moved = facts.filter((fact) => fact.board !== board);
    const names = namesOf(moved);
    if (names.length === 0) return;
    if (!(await this.#succeeds(() => movePictures(names, board)))) return;
    this.#change(moved, () => ({ board }));
    const leaves = this.#board !== "" && this.#board !== board;
    const putBack = leaves ? this.#take(names) : () => undefined;
    const message =
      board === "none"
        ? ngettext(
            "The picture is on no board now.",
            "%(count)s pictures are on no board now.",
            names.length,
          )
        : ngettext(
            "The picture is on “%(title)s” now.",
            "%(count)s pictures are on “%(title)s” now.",
            names.length,
          );
    const words = fill(message, { count: formatNumber(names.length), title });
    this.#tell(words, async () => {
      for (const [former, theirs] of grouped(moved, (fact) => fact.board)) {
        await movePictures(theirs, former);
      }
      putBack();
      this.#change(moved, (fact) => ({ board: fact.board }));
    });
  }

  /**
   * @param {Facts[]} facts
   * @param {boolean} starred
   */
  async star(facts, starred) {
    const changed = facts.filter((fact) => fact.starred !== starred);
    const names = namesOf(changed);
    if (names.length === 0) return;
    const put = (/** @type {boolean} */ on) => actOnPictures(on ? "star" : "unstar", names);
    if (!(await this.#succeeds(() => put(starred)))) return;
    this.#change(changed, () => ({ starred }));
    const message = starred
      ? ngettext("The picture has a star.", "%(count)s pictures have a star.", names.length)
      : ngettext("The picture has no star.", "%(count)s pictures have no star.", names.length);
    this.#tell(counted(message, names.length), async () => {
      await put(!starred);
      this.#change(changed, () => ({ starred: !starred }));
    });
  }

  /**
   * @param {Facts[]} facts
   * @param {number} rating 0 for none
   */
  async rate(facts, rating) {
    const names = namesOf(facts);
    if (!(await this.#succeeds(() => actOnPictures("rate", names, { rating })))) return;
    this.#change(facts, () => ({ rating }));
    const message = ngettext(
      "The picture is rated.",
      "%(count)s pictures are rated.",
      names.length,
    );
    this.#tell(counted(message, names.length), async () => {
      for (const [former, theirs] of grouped(facts, (fact) => fact.rating)) {
        await actOnPictures("rate", theirs, { rating: former });
      }
      this.#change(facts, (fact) => ({ rating: fact.rating }));
    });
  }

  /**
   * @param {Facts[]} facts
   * @param {string[]} tags to be added
   */
  async tag(facts, tags) {
    const names = namesOf(facts);
    if (!(await this.#succeeds(() => actOnPictures("tag", names, { tags })))) return;
    this.#change(facts, (fact) => ({ tags: [...new Set([...fact.tags, ...tags])] }));
    const message = ngettext(
      "The picture is tagged.",
      "%(count)s pictures are tagged.",
      names.length,
    );
    this.#tell(counted(message, names.length), async () => {
      for (const tag of tags) {
        const without = namesOf(facts.filter((fact) => !fact.tags.includes(tag)));
        await actOnPictures("untag", without, { tags: [tag] });
      }
      this.#change(facts, (fact) => ({ tags: fact.tags }));
    });
  }

  /**
   * @param {string[]} names
   * @returns {() => void} puts them back
   */
  #take(names) {
    this.#selection.drop(names);
    return this.#list.remove(names);
  }

  /**
   * @param {Facts[]} facts
   * @param {(fact: Facts) => Partial<Facts>} changeOf
   */
  #change(facts, changeOf) {
    for (const fact of facts) {
      const tile = this.#list.tileOf(fact.name);
      if (tile) changeTile(tile, changeOf(fact));
      this.#selection.change(fact.name, changeOf(fact));
    }
  }

  /**
   * @param {string} message
   * @param {() => Promise<void>} undo
   */
  #tell(message, undo) {
    void drawShelf();
    toast(message, {
      act: {
        text: gettext("Undo"),
        run: () => void this.#succeeds(undo).then(() => drawShelf()),
      },
    });
  }

  /**
   * @param {() => Promise<unknown>} act
   * @returns {Promise<boolean>}
   */
  async #succeeds(act) {
    try {
      await act();
      return true;
    } catch (error) {
      toastError(error);
      return false;
    }
  }
}
