// @ts-check
/** The versions of a workflow: each can be looked at and restored. */

import { byId, make } from "../dom.js";
import { fill } from "../i18n.js";
import { toastError } from "../toast.js";
import { getVersion, listVersions, restoreVersion } from "../workflow_api.js";

/** @import {WorkflowVersion} from "../workflow_types.js" */
/** @import {Board} from "./board.js" */
/** @import {Desk} from "./desk.js" */
/** @import {Saving} from "./saving.js" */

const written = new Intl.DateTimeFormat(document.documentElement.lang || "en", {
  dateStyle: "medium",
  timeStyle: "short",
});

export class Versions {
  #desk;
  #board;
  #saving;
  #dialog = byId("versions-dialog", HTMLDialogElement);
  #list = byId("versions-list", HTMLElement);
  #bar = byId("looking", HTMLElement);
  /** @type {number} the one that is looked at; 0 for none */
  #looked = 0;

  /**
   * @param {Desk} desk
   * @param {Board} board
   * @param {Saving} saving
   */
  constructor(desk, board, saving) {
    this.#desk = desk;
    this.#board = board;
    this.#saving = saving;
    const { signal } = desk.life;
    byId("versions", HTMLElement).addEventListener("click", () => void this.#open(), { signal });
    this.#list.addEventListener("click", (event) => this.#click(event), { signal });
    byId("looking-restore", HTMLElement).addEventListener("click", () => void this.#restore(this.#looked), { signal });
    byId("looking-back", HTMLElement).addEventListener("click", () => this.#back(), { signal });
    desk.life.onEnd(() => this.#dialog.close());
  }

  async #open() {
    const { workflow } = this.#saving;
    this.#list.replaceChildren();
    byId("versions-none", HTMLElement).hidden = workflow !== null;
    this.#dialog.showModal();
    if (!workflow) return;
    try {
      const versions = await listVersions(workflow.id);
      this.#list.replaceChildren(
        ...versions.map((version) => makeRow(version, version.version === workflow.version, workflow.is_shared)),
      );
    } catch (error) {
      this.#dialog.close();
      toastError(error);
    }
  }

  /** @param {MouseEvent} event */
  #click({ target }) {
    const button = target instanceof Element ? target.closest("[data-version]") : null;
    if (!(button instanceof HTMLElement)) return;
    const version = Number(button.dataset.version);
    this.#dialog.close();
    if (button.dataset.act === "restore") void this.#restore(version);
    else void this.#look(version);
  }

  /** @param {number} version */
  async #look(version) {
    const { workflow } = this.#saving;
    if (!workflow) return;
    try {
      const { document: seen, created_at: at } = await getVersion(workflow.id, version);
      if (this.#desk.life.isOver) return;
      this.#looked = version;
      this.#desk.isReadOnly = true;
      this.#desk.graph.look(seen);
      this.#board.fit();
      byId("looking-text", HTMLElement).textContent = fill(
        gettext("This is version %(number)s of %(date)s. It cannot be changed here."),
        { number: version, date: written.format(new Date(at)) },
      );
      byId("looking-restore", HTMLElement).hidden = workflow.is_shared;
      this.#bar.hidden = false;
      byId("looking-back", HTMLElement).focus();
    } catch (error) {
      toastError(error);
    }
  }

  #back() {
    this.#looked = 0;
    this.#bar.hidden = true;
    this.#desk.graph.lookBack();
    this.#desk.isReadOnly = false;
    this.#board.fit();
    this.#board.stage.focus({ preventScroll: true });
  }

  /** @param {number} version */
  async #restore(version) {
    const { workflow } = this.#saving;
    if (!workflow) return;
    try {
      const restored = await restoreVersion(workflow.id, version);
      if (this.#desk.life.isOver) return;
      if (this.#looked) this.#back();
      this.#saving.restore(restored);
      this.#board.fit();
    } catch (error) {
      toastError(error);
    }
  }
}

/**
 * @param {WorkflowVersion} version
 * @param {boolean} isLatest
 * @param {boolean} isShared
 */
function makeRow({ version, created_at: at }, isLatest, isShared) {
  const name = fill(gettext("Version %(number)s"), { number: version });
  const time = make("time", { datetime: at, class: "workflow-dialog__note" }, written.format(new Date(at)));
  const row = make("li", { class: "workflow-dialog__row" }, make("span", { class: "workflow-dialog__name" }, name, time));
  if (isLatest) {
    row.append(make("span", { class: "workflow-dialog__note" }, gettext("The newest")));
    return row;
  }
  row.append(makeButton(version, "look", gettext("Look at it"), name));
  if (!isShared) row.append(makeButton(version, "restore", gettext("Restore"), name));
  return row;
}

/**
 * @param {number} version
 * @param {"look" | "restore"} act
 * @param {string} words
 * @param {string} name
 */
function makeButton(version, act, words, name) {
  return make(
    "button",
    {
      ...{ type: "button", class: "button button--quiet", "data-version": String(version) },
      ...{ "data-act": act, "aria-label": `${name}: ${words}` },
    },
    words,
  );
}
