// @ts-check
/** What is done to a picture on the stage, and how it is undone. */

import * as api from "../api.js";
import { fill } from "../i18n.js";
import { actOnPictures, editPicture, movePictures, PICTURES_CHANGED } from "../library_api.js";
import { toast, toastError } from "../toast.js";

/** @import {JobStore} from "../jobs.js" */
/** @import {Picture} from "../types.js" */
/** @import {BoardName} from "./result.js" */

export class ResultActs {
  #jobs;
  #boards;

  /**
   * @param {JobStore} jobs
   * @param {BoardName[]} boards
   */
  constructor(jobs, boards) {
    this.#jobs = jobs;
    this.#boards = boards;
  }

  /** @param {Picture} picture */
  star = async ({ image_name, starred }) => {
    this.#jobs.changePicture(image_name, { starred: !starred });
    try {
      await editPicture(image_name, { starred: !starred });
    } catch (error) {
      this.#jobs.changePicture(image_name, { starred });
      toastError(error);
    }
  };

  /**
   * @param {Picture} picture
   * @param {string} board its id, or "none"
   */
  putOnBoard = async (picture, board) => {
    const { image_name } = picture;
    const before = picture.board ?? "none";
    if (!(await this.#move(image_name, board))) return;
    const name = this.#boards.find(({ id }) => id === board)?.name;
    const message = name
      ? ngettext(
          "The picture is on “%(title)s” now.",
          "%(count)s pictures are on “%(title)s” now.",
          1,
        )
      : ngettext(
          "The picture is on no board now.",
          "%(count)s pictures are on no board now.",
          1,
        );
    const words = fill(message, { count: 1, title: name ?? "" });
    const takeBack = async () => {
      if (await this.#move(image_name, before)) tellChange();
    };
    toast(words, { act: { text: gettext("Undo"), run: () => void takeBack() } });
  };

  /** @param {Picture} picture */
  remove = async ({ image_name }) => {
    const putBack = this.#jobs.forgetPicture(image_name);
    try {
      await api.deletePicture(image_name);
    } catch (error) {
      putBack();
      toastError(error);
      return;
    }
    const act = { text: gettext("Undo"), run: () => void this.#restore(image_name, putBack) };
    const message = ngettext(
      "The picture is in the trash for 30 days.",
      "%(count)s pictures are in the trash for 30 days.",
      1,
    );
    toast(fill(message, { count: 1 }), { act });
  };

  /**
   * @param {string} imageName
   * @param {() => void} putBack
   */
  async #restore(imageName, putBack) {
    const { error } = await actOnPictures("restore", [imageName]);
    if (error) {
      toastError(error);
      return;
    }
    putBack();
    tellChange();
  }

  /**
   * @param {string} imageName
   * @param {string} board
   * @returns {Promise<boolean>} whether it is there now
   */
  async #move(imageName, board) {
    const { error } = await movePictures([imageName], board);
    if (error) toastError(error);
    // What the list of boards says is put right in either case.
    this.#jobs.changePicture(imageName, error ? {} : { board: board === "none" ? null : board });
    return !error;
  }
}

/** The gallery may be what is shown by then. */
function tellChange() {
  document.dispatchEvent(new Event(PICTURES_CHANGED));
}
