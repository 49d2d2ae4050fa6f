// @ts-check
/** What is done to pictures, one or many, and how each is undone. */

import { drawShelf } from "./boards.js";
import { fill, formatNumber } from "./i18n.js";
import { actOnPictures, movePictures, PICTURES_CHANGED } from "./library_api.js";
import { changeTile, factsOf } from "./tiles.js";
import { toast, toastError } from "./toast.js";

/** @import {Outcome} from "./library_api.js" */
/** @import {Facts} from "./types.js" */
/** @import {PageLife} from "./page.js" */
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
  #life;

  /**
   * @param {PageList} list
   * @param {Selection} selection
   * @param {string} board the one that is looked at, "none", or "" for all pictures
   * @param {PageLife} life
   */
  constructor(list, selection, board, life) {
    this.#life = life;
    this.#list = list;
    this.#selection = selection;
    this.#board = board;
  }

  /**
   * @param {Facts[]} facts
   * @returns {Promise<boolean>} whether any of them is in the trash now
   */
  async trash(facts) {
    const gone = await this.#done(facts, (names) => actOnPictures("trash", names));
    if (gone.length === 0) return false;
    // One that was moved away in large view is not in the list any more.
    const putBack = this.#take(gone.filter(({ board }) => !this.#leaves(board)));
    const message = ngettext(
      "The picture is in the trash for 30 days.",
      "%(count)s pictures are in the trash for 30 days.",
      gone.length,
    );
    this.#tell(counted(message, gone.length), async () => {
      putBack(await this.#done(gone, (names) => actOnPictures("restore", names)));
    });
    return true;
  }

  /**
   * @param {Facts[]} facts
   * @param {string} board its id, or "none"
   * @param {string} title what it is called
   */
  async move(facts, board, title) {
    const elsewhere = facts.filter((fact) => fact.board !== board);
    const moved = await this.#done(elsewhere, (names) => movePictures(names, board));
    if (moved.length === 0) return;
    this.#change(moved, () => ({ board }));
    const putBack = this.#leaves(board) ? this.#take(moved) : () => undefined;
    const message =
      board === "none"
        ? ngettext(
            "The picture is on no board now.",
            "%(count)s pictures are on no board now.",
            moved.length,
          )
        : ngettext(
            "The picture is on “%(title)s” now.",
            "%(count)s pictures are on “%(title)s” now.",
            moved.length,
          );
    const words = fill(message, { count: formatNumber(moved.length), title });
    this.#tell(words, async () => {
      const back = await this.#doneByGroup(moved, (fact) => fact.board, movePictures);
      putBack(back);
      this.#change(back, (fact) => ({ board: fact.board }));
    });
  }

  /**
   * @param {Facts[]} facts
   * @param {boolean} starred
   */
  async star(facts, starred) {
    const put = (/** @type {Facts[]} */ some, /** @type {boolean} */ on) =>
      this.#done(some, (names) => actOnPictures(on ? "star" : "unstar", names));
    const others = facts.filter((fact) => fact.starred !== starred);
    const changed = await put(others, starred);
    if (changed.length === 0) return;
    this.#change(changed, () => ({ starred }));
    const message = starred
      ? ngettext("The picture has a star.", "%(count)s pictures have a star.", changed.length)
      : ngettext("The picture has no star.", "%(count)s pictures have no star.", changed.length);
    this.#tell(counted(message, changed.length), async () => {
      this.#change(await put(changed, !starred), () => ({ starred: !starred }));
    });
  }

  /**
   * @param {Facts[]} facts
   * @param {number} rating 0 for none
   */
  async rate(facts, rating) {
    const put = (/** @type {string[]} */ names, /** @type {number} */ value) =>
      actOnPictures("rate", names, { rating: value });
    const rated = await this.#done(facts, (names) => put(names, rating));
    if (rated.length === 0) return;
    this.#change(rated, () => ({ rating }));
    const message = ngettext(
      "The picture is rated.",
      "%(count)s pictures are rated.",
      rated.length,
    );
    this.#tell(counted(message, rated.length), async () => {
      const back = await this.#doneByGroup(rated, (fact) => fact.rating, put);
      this.#change(back, (fact) => ({ rating: fact.rating }));
    });
  }

  /**
   * @param {Facts[]} facts
   * @param {string[]} tags to be added
   */
  async tag(facts, tags) {
    const tagged = await this.#done(facts, (names) => actOnPictures("tag", names, { tags }));
    if (tagged.length === 0) return;
    this.#change(tagged, (fact) => ({ tags: [...new Set([...fact.tags, ...tags])] }));
    const message = ngettext(
      "The picture is tagged.",
      "%(count)s pictures are tagged.",
      tagged.length,
    );
    this.#tell(counted(message, tagged.length), async () => {
      for (const [index, tag] of tags.entries()) {
        const without = tagged.filter((fact) => !fact.tags.includes(tag));
        const left = tags.slice(index + 1);
        this.#change(
          await this.#done(without, (names) => actOnPictures("untag", names, { tags: [tag] })),
          (fact) => ({ tags: [...new Set([...fact.tags, ...left])] }),
        );
      }
    });
  }

  /**
   * Show what was changed of a picture in large view.
   *
   * @param {string} name
   * @param {Partial<Facts>} facts
   */
  show(name, facts) {
    const tile = this.#list.tileOf(name);
    if (tile) changeTile(tile, facts);
    this.#selection.change(name, facts);
    if (tile && facts.board !== undefined && this.#leaves(facts.board)) {
      this.#take([factsOf(tile)]);
    }
  }

  /**
   * @param {string} board where a picture goes
   * @returns {boolean} whether that is away from what is looked at
   */
  #leaves(board) {
    return this.#board !== "" && this.#board !== board;
  }

  /**
   * @param {Facts[]} facts
   * @returns {(back: Facts[]) => void} shows those again that came back
   */
  #take(facts) {
    const names = namesOf(facts);
    this.#selection.drop(names);
    const putBack = this.#list.remove(names);
    return (back) => {
      if (back.length === facts.length) putBack();
      else if (back.length > 0) void this.#list.reload();
    };
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
    const run = async () => {
      await undo();
      // The list that this was done to is not the one that is shown, if one is.
      if (this.#life.isOver) document.dispatchEvent(new Event(PICTURES_CHANGED));
      await drawShelf();
    };
    toast(message, { act: { text: gettext("Undo"), run: () => void run() } });
  }

  /**
   * Do something to pictures, and say why if it fails for a part of them.
   *
   * @param {Facts[]} facts
   * @param {(names: string[]) => Promise<Outcome>} act
   * @returns {Promise<Facts[]>} those to which it was done
   */
  async #done(facts, act) {
    const { done, error } = await act(namesOf(facts));
    if (error) toastError(error);
    const names = new Set(done);
    return facts.filter(({ name }) => names.has(name));
  }

  /**
   * The same, with a value for each group of pictures that have it in common.
   *
   * @template {string | number} K
   * @param {Facts[]} facts
   * @param {(fact: Facts) => K} valueOf
   * @param {(names: string[], value: K) => Promise<Outcome>} act
   */
  async #doneByGroup(facts, valueOf, act) {
    /** @type {Facts[]} */
    const done = [];
    for (const [value, group] of Map.groupBy(facts, valueOf)) {
      done.push(...(await this.#done(group, (names) => act(names, value))));
    }
    return done;
  }
}
