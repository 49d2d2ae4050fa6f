// @ts-check
/** Workflows as files: export, import, and files that are dropped. */

import { announce, byId, make } from "../dom.js";
import { fill } from "../i18n.js";
import { toast } from "../toast.js";
import { readDocument } from "../workflow_document.js";
import { excessInWords } from "./words.js";

/** @import {Board} from "./board.js" */
/** @import {Desk} from "./desk.js" */

// Four times what a document may have, as the API takes: a file is indented.
const MOST_BYTES = 1024 * 1024;

export class Files {
  #desk;
  #board;
  #input = byId("import-file", HTMLInputElement);

  /**
   * @param {Desk} desk
   * @param {Board} board
   */
  constructor(desk, board) {
    this.#desk = desk;
    this.#board = board;
    const { signal } = desk.life;
    byId("export", HTMLElement).addEventListener("click", () => this.#export(), { signal });
    byId("import", HTMLElement).addEventListener("click", () => this.#input.click(), { signal });
    this.#input.addEventListener(
      "change",
      () => {
        const [file] = this.#input.files ?? [];
        if (file) void this.#open(file);
        this.#input.value = "";
      },
      { signal },
    );
    const { stage } = board;
    stage.addEventListener("dragover", (event) => this.#over(event), { signal });
    stage.addEventListener("dragleave", (event) => this.#leave(event), { signal });
    stage.addEventListener("drop", (event) => this.#drop(event), { signal });
  }

  #export() {
    const { graph } = this.#desk;
    const text = JSON.stringify(graph.toJSON(), null, 2);
    const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    const name = graph.name.trim().replaceAll(/[^\p{L}\p{N}._-]+/gu, "-") || "workflow";
    make("a", { href: url, download: `${name}.json` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 0);
    announce(fill(gettext("%(file)s is exported."), { file: `${name}.json` }));
  }

  /** @param {File} file */
  async #open(file) {
    const document = file.size > MOST_BYTES ? null : readDocument(parsed(await file.text()));
    const { graph, life, isReadOnly } = this.#desk;
    if (life.isOver || isReadOnly) return;
    if (!document) {
      toast(fill(gettext("“%(file)s” is no workflow of Easel."), { file: file.name }), { kind: "error" });
      return;
    }
    const excess = excessInWords(document);
    if (excess) {
      toast(excess, { kind: "error" });
      return;
    }
    const name = document.name || graph.name;
    graph.replace({ ...document, name });
    this.#board.fit();
    announce(fill(gettext("“%(file)s” is open."), { file: file.name }));
  }

  /** @param {DragEvent} event */
  #over(event) {
    if (this.#desk.isReadOnly || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.#board.stage.toggleAttribute("data-drop", true);
  }

  /** @param {DragEvent} event */
  #leave({ relatedTarget }) {
    const isInside = relatedTarget instanceof Node && this.#board.stage.contains(relatedTarget);
    if (!isInside) this.#board.stage.removeAttribute("data-drop");
  }

  /** @param {DragEvent} event */
  #drop(event) {
    this.#board.stage.removeAttribute("data-drop");
    const [file] = event.dataTransfer?.files ?? [];
    if (!file) return;
    event.preventDefault();
    void this.#open(file);
  }
}

/**
 * @param {string} text
 * @returns {unknown} null if it is no JSON
 */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
