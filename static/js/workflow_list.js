// @ts-check
/** The list of workflows: searched, begun, renamed, copied, imported, exported, deleted. */

import { ApiError } from "./api.js";
import { announce, asked, byId, confirmed } from "./dom.js";
import { fill } from "./i18n.js";
import { openMenu } from "./menu.js";
import { readdress } from "./router.js";
import { toast, toastError } from "./toast.js";
import {
  changeWorkflow,
  deleteWorkflow,
  duplicateWorkflow,
  exportAddress,
  importWorkflow,
  problemsOf,
} from "./workflow_api.js";
import { documentIn } from "./workflow_files.js";

/** @import {PageLife} from "./page.js" */

const PAUSE_MS = 250;
/** A document takes at most 256 KiB, a picture that carries one some megabytes. */
const MOST_BYTES = 64 * 1024 * 1024;

/** @param {string} id */
function editorAddress(id) {
  return `/workflows/${encodeURIComponent(id)}/`;
}

class WorkflowList {
  #life;
  #lists = byId("workflow-lists", HTMLElement);
  #words = byId("workflow-words", HTMLInputElement);
  #file = byId("import-file", HTMLInputElement);
  #drop = byId("workflow-drop", HTMLElement);
  #timer = 0;

  /** @param {PageLife} life */
  constructor(life) {
    this.#life = life;
    const { signal } = life;
    life.root.addEventListener("click", (event) => this.#click(event), { signal });
    this.#words.addEventListener(
      "input",
      () => {
        life.cancel(this.#timer);
        this.#timer = life.later(() => void this.#tried(() => this.#search()), PAUSE_MS);
      },
      { signal },
    );
    byId("workflow-search", HTMLFormElement).addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        void this.#tried(() => this.#search());
      },
      { signal },
    );
    byId("import", HTMLElement).addEventListener("click", () => this.#file.click(), { signal });
    this.#file.addEventListener(
      "change",
      () => {
        const [file] = this.#file.files ?? [];
        if (file) void this.#import(file);
        this.#file.value = "";
      },
      { signal },
    );
    this.#wireDrop();
    life.onEnd(() => byId("rename-dialog", HTMLDialogElement).close());
  }

  /** @param {MouseEvent} event */
  #click({ target }) {
    if (!(target instanceof Element)) return;
    if (target.closest("[data-close]")) target.closest("dialog")?.close("no");
    const button = target.closest("[data-act]");
    const card = target.closest(".workflow-card");
    if (!(button instanceof HTMLElement) || !(card instanceof HTMLElement)) return;
    if (button.dataset.act === "start-from") void this.#tried(() => this.#startFrom(card));
    if (button.dataset.act !== "more") return;
    openMenu(byId("workflow-menu", HTMLElement), button, ({ dataset }) => {
      const act = {
        rename: () => this.#rename(card),
        duplicate: () => this.#duplicate(card),
        export: () => this.#export(card),
        delete: () => this.#remove(card),
      }[dataset.act ?? ""];
      if (act) void this.#tried(act);
    });
  }

  /** @param {() => Promise<void> | void} act */
  async #tried(act) {
    try {
      await act();
    } catch (error) {
      toastError(error);
    }
  }

  async #search() {
    const words = this.#words.value.trim();
    const query = words ? `?${new URLSearchParams({ q: words }).toString()}` : "";
    readdress(location.pathname + query);
    await this.#reload();
  }

  async #reload() {
    const words = this.#words.value.trim();
    const query = new URLSearchParams({ q: words });
    this.#lists.setAttribute("aria-busy", "true");
    try {
      const address = `${this.#lists.dataset.address ?? ""}?${query.toString()}`;
      await htmx.ajax("GET", address, { target: this.#lists, swap: "innerHTML" });
    } finally {
      this.#lists.removeAttribute("aria-busy");
    }
  }

  /** @param {HTMLElement} card */
  async #startFrom(card) {
    await this.#busy(card, async () => {
      const copy = await duplicateWorkflow(card.dataset.workflow ?? "");
      this.#life.visit(editorAddress(copy.id));
    });
  }

  /** @param {HTMLElement} card */
  async #duplicate(card) {
    await this.#busy(card, async () => {
      const copy = await duplicateWorkflow(card.dataset.workflow ?? "");
      await this.#reload();
      this.#focus(copy.id);
      toast(fill(gettext("“%(name)s” is a copy."), { name: copy.name }));
    });
  }

  /** @param {HTMLElement} card */
  async #rename(card) {
    const { workflow: id = "", name: before = "", version = "" } = card.dataset;
    const field = byId("rename-name", HTMLInputElement);
    field.value = before;
    const answer = asked(byId("rename-dialog", HTMLDialogElement));
    field.select();
    const name = (await answer) ? field.value.trim() : "";
    if (name === "" || name === before) return;
    await changeWorkflow(id, { name, base_version: Number(version) });
    await this.#reload();
    this.#focus(id);
    announce(fill(gettext("The workflow is called “%(name)s” now."), { name }));
  }

  /** @param {HTMLElement} card */
  #export(card) {
    const link = document.createElement("a");
    link.href = exportAddress(card.dataset.workflow ?? "");
    link.download = "";
    link.click();
  }

  /** @param {HTMLElement} card */
  async #remove(card) {
    const { workflow: id = "", name = "" } = card.dataset;
    const isSure = await confirmed({
      title: fill(gettext("Delete “%(name)s”?"), { name }),
      text: gettext("All of its versions go. Pictures that it made stay."),
      yes: gettext("Delete the workflow"),
    });
    if (!isSure) return;
    const next = card.nextElementSibling ?? card.previousElementSibling;
    await this.#busy(card, () => deleteWorkflow(id));
    await this.#reload();
    this.#focus(next instanceof HTMLElement ? (next.dataset.workflow ?? "") : "");
    toast(fill(gettext("“%(name)s” is deleted."), { name }));
  }

  /** @param {File} file */
  async #import(file) {
    try {
      const found = file.size <= MOST_BYTES ? await documentIn(file) : null;
      if (found === null) {
        const text = gettext("There is no workflow in “%(name)s”.");
        toast(fill(text, { name: file.name }), { kind: "error" });
        return;
      }
      const workflow = await importWorkflow(found);
      if (this.#life.isOver) return;
      this.#life.visit(editorAddress(workflow.id));
      toast(fill(gettext("“%(name)s” is imported."), { name: workflow.name }));
    } catch (error) {
      const [problem] = problemsOf(error);
      if (!problem || !(error instanceof ApiError)) toastError(error);
      else {
        const where = problem.node ? `${problem.node}: ` : "";
        const text = fill(gettext("“%(name)s” cannot be imported."), { name: file.name });
        toast(`${text} ${where}${problem.message}`, { kind: "error", errorId: error.errorId });
      }
    }
  }

  #wireDrop() {
    const { signal } = this.#life;
    let depth = 0;
    const has = (/** @type {DragEvent} */ event) =>
      event.dataTransfer?.types.includes("Files") === true;
    const end = () => {
      depth = 0;
      this.#drop.hidden = true;
    };
    addEventListener(
      "dragenter",
      (event) => {
        if (!has(event)) return;
        depth += 1;
        this.#drop.hidden = false;
      },
      { signal },
    );
    addEventListener(
      "dragleave",
      (event) => {
        if (!has(event)) return;
        depth -= 1;
        if (depth <= 0) end();
      },
      { signal },
    );
    addEventListener("dragover", (event) => has(event) && event.preventDefault(), { signal });
    addEventListener(
      "drop",
      (event) => {
        end();
        if (!has(event)) return;
        // Anywhere on the page: a file that misses must not replace the page.
        event.preventDefault();
        const [file] = event.dataTransfer?.files ?? [];
        if (file) void this.#import(file);
      },
      { signal },
    );
  }

  /**
   * @template T
   * @param {HTMLElement} card
   * @param {() => Promise<T>} act
   */
  async #busy(card, act) {
    card.setAttribute("aria-busy", "true");
    try {
      return await act();
    } finally {
      card.removeAttribute("aria-busy");
    }
  }

  /** @param {string} id of a workflow; where it is not, the search is the place */
  #focus(id) {
    const link = this.#lists.querySelector(
      `[data-workflow="${CSS.escape(id)}"] .workflow-card__open`,
    );
    if (link instanceof HTMLElement) link.focus();
    else this.#words.focus({ preventScroll: true });
  }
}

/** @param {PageLife} life */
export function start(life) {
  new WorkflowList(life);
}
