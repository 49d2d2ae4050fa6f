// @ts-check
/** The page of one workflow: its graph, its saves, and its runs. */

import { ApiError } from "../api.js";
import { byId } from "../dom.js";
import { openHelp } from "../create/shortcuts.js";
import { formatPercent } from "../i18n.js";
import { openMenu } from "../menu.js";
import { getPalette, getWorkflow, workflowOfPicture } from "../workflow_api.js";
import { WorkflowGraph } from "../workflow_graph.js";
import { Minimap } from "../workflow_minimap.js";
import { Acts } from "./acts.js";
import { Board } from "./board.js";
import { Desk } from "./desk.js";
import { Files } from "./files.js";
import { Finder } from "./finder.js";
import { FormFields } from "./form_fields.js";
import { GraphKeys } from "./keys.js";
import { Linking } from "./linking.js";
import { NodePalette } from "./palette.js";
import { Pointer } from "./pointer.js";
import { Problems } from "./problems.js";
import { Quoting } from "./quoting.js";
import { Running } from "./running.js";
import { Saving } from "./saving.js";
import { Versions } from "./versions.js";

/** @import {Point} from "../canvas/geometry.js" */
/** @import {PageLife} from "../page.js" */
/** @import {Palette, Workflow} from "../workflow_types.js" */

const ZOOM = 1.25;
/** In a window this small the graph is looked at; the form is for changes. */
const SMALL = "(width < 48rem)";
const SMALLEST = 0.5;

class WorkflowEditor {
  #life;
  #page = byId("workflow-editor", HTMLElement);

  /** @param {PageLife} life */
  constructor(life) {
    this.#life = life;
    const again = () => location.reload();
    byId("workflow-again", HTMLElement).addEventListener("click", again, { signal: life.signal });
    this.#open().catch((error) => this.#fail(error));
  }

  async #open() {
    const { workflow: id, image } = this.#page.dataset;
    const [palette, workflow, document] = await Promise.all([
      getPalette(),
      id ? getWorkflow(id) : null,
      image ? workflowOfPicture(image) : null,
    ]);
    if (this.#life.isOver) return;
    const parts = this.#build(palette);
    const { desk, graph, board, acts, saving, running } = parts;
    desk.recallFolds(workflow?.id ?? "");
    if (workflow) saving.open(workflow);
    if (document) graph.replace(document);
    // What a program wrote may have no places yet.
    const places = new Set([...graph.nodes.values()].map(({ position }) => position.join()));
    if (graph.nodes.size > 1 && places.size === 1) {
      acts.tidy();
      if (workflow) graph.markSaved();
    }
    board.fit();
    // How high a node is, is known once it was in sight.
    await drawn();
    if (this.#life.isOver) return;
    this.#page.dataset.state = "ready";
    board.fit();
    const bounds = board.bounds();
    if (bounds && matchMedia(SMALL).matches && desk.view.scale < SMALLEST) desk.view.begin(bounds);
    const run = await running.resume();
    if (this.#life.isOver) return;
    if (run && !workflow && !graph.nodes.size) {
      graph.replace(run.document);
      board.fit();
    }
  }

  /** @param {Palette} palette */
  #build(palette) {
    const graph = new WorkflowGraph(palette);
    const desk = new Desk(graph, this.#life);
    const board = new Board(desk);
    const minimap = new Minimap(desk, board);
    const linking = new Linking(desk, board);
    const acts = new Acts(desk, board, new Finder(desk));
    const pointer = new Pointer(desk, board, linking, {
      add: (client, port) => acts.find(client, port),
      nodeMenu: (id, client) => this.#openNodeMenu(desk, acts, id, client),
      linkMenu: (key, client) => this.#openLinkMenu(desk, acts, key, client),
    });
    const nodes = new NodePalette(desk, (type, client) => {
      if (client) acts.addDropped(type, client);
      else acts.addWithRoom(type, false);
    });
    nodes.show();
    const problems = new Problems(desk, board);
    const quoting = new Quoting(desk, problems);
    const kept = () => saving.workflow;
    const running = new Running(desk, { board, minimap, problems, quoting, kept });
    const saving = new Saving(desk, (workflow) => this.#saved(workflow, desk));
    new Versions(desk, board, saving);
    new FormFields(desk);
    new Files(desk, board);
    const page = {
      save: () => saving.save(),
      run: () => running.start(),
      menu: (/** @type {string} */ id) => this.#openNodeMenu(desk, acts, id, null),
    };
    new GraphKeys({ desk, board, linking, acts, pointer, palette: nodes, page });
    this.#startBar(desk, board, acts);
    this.#startClipboard(desk, acts, pointer);
    this.#startNodes(desk, board, acts);
    this.#watchSize(desk);
    return { graph, desk, board, acts, saving, running };
  }

  /**
   * @param {Desk} desk
   * @param {Board} board
   * @param {Acts} acts
   */
  #startBar(desk, board, acts) {
    const { graph, view } = desk;
    const undo = byId("undo", HTMLButtonElement);
    const redo = byId("redo", HTMLButtonElement);
    this.#on("undo", () => acts.undo());
    this.#on("redo", () => acts.redo());
    this.#on("tidy", () => acts.tidy());
    this.#on("shortcuts", openHelp);
    this.#on("fit", () => board.fit());
    this.#on("zoom-in", () => view.zoom(ZOOM));
    this.#on("zoom-out", () => view.zoom(1 / ZOOM));
    this.#on("zoom-full", () => view.zoomTo(1));
    const empty = byId("graph-empty", HTMLElement);
    const show = () => {
      undo.disabled = !graph.canUndo || desk.isReadOnly;
      redo.disabled = !graph.canRedo || desk.isReadOnly;
      empty.hidden = graph.nodes.size > 0;
      for (const id of ["palette", "workflow-name", "tidy", "import", "form-fields"]) {
        byId(id, HTMLElement).inert = desk.isReadOnly;
      }
    };
    graph.listen(show);
    const zoom = byId("zoom-text", HTMLElement);
    desk.listen((type) => {
      if (type === "mode") show();
      if (type === "view") zoom.textContent = formatPercent(view.scale * 100);
    });
    show();
  }

  /**
   * @param {string} id
   * @param {() => unknown} act
   */
  #on(id, act) {
    byId(id, HTMLElement).addEventListener("click", () => void act(), { signal: this.#life.signal });
  }

  /**
   * @param {Desk} desk
   * @param {Acts} acts
   * @param {Pointer} pointer
   */
  #startClipboard(desk, acts, pointer) {
    const { signal } = this.#life;
    const isOurs = () => {
      const { activeElement } = document;
      const isText = activeElement instanceof HTMLElement && activeElement.matches("input, textarea, select");
      return !isText && !document.querySelector("dialog[open]") && getSelection()?.isCollapsed !== false;
    };
    for (const kind of /** @type {const} */ (["copy", "cut"])) {
      document.addEventListener(
        kind,
        (event) => {
          const text = isOurs() ? acts.copy() : "";
          if (!text) return;
          event.clipboardData?.setData("text/plain", text);
          event.preventDefault();
          if (kind === "cut" && !desk.isReadOnly) acts.remove();
        },
        { signal },
      );
    }
    document.addEventListener(
      "paste",
      (event) => {
        if (!isOurs() || desk.isReadOnly) return;
        const text = event.clipboardData?.getData("text/plain") ?? "";
        if (acts.paste(text, pointer.at)) event.preventDefault();
      },
      { signal },
    );
  }

  /**
   * @param {Desk} desk
   * @param {Board} board
   * @param {Acts} acts
   */
  #startNodes(desk, board, acts) {
    board.stage.addEventListener(
      "click",
      ({ target }) => {
        const button = target instanceof Element ? target.closest("[data-act]") : null;
        const node = button?.closest(".node");
        if (!(button instanceof HTMLElement) || !(node instanceof HTMLElement)) return;
        const id = node.dataset.node ?? "";
        if (button.dataset.act === "fold") desk.fold([id], !desk.folds.has(id));
        if (desk.isReadOnly) return;
        if (button.dataset.act === "star") acts.toggleStar(id, button.dataset.input ?? "");
        if (button.dataset.act === "menu") this.#openNodeMenu(desk, acts, id, null);
      },
      { signal: this.#life.signal },
    );
    board.stage.addEventListener(
      "dblclick",
      ({ target }) => {
        const head = target instanceof Element ? target.closest(".node__title") : null;
        const node = head?.closest(".node");
        if (node instanceof HTMLElement && !desk.isReadOnly) acts.rename(node.dataset.node);
      },
      { signal: this.#life.signal },
    );
  }

  /**
   * @param {Desk} desk
   * @param {Acts} acts
   * @param {string} id
   * @param {Point | null} client
   */
  #openNodeMenu(desk, acts, id, client) {
    if (!desk.selection.has(id)) desk.select([id]);
    const node = document.querySelector(`[data-node="${CSS.escape(id)}"]`);
    const anchor = node?.querySelector('[data-act="menu"]');
    if (!(anchor instanceof HTMLElement)) return;
    openAt(byId("node-menu", HTMLElement), anchor, client, ({ dataset }) => {
      if (dataset.act === "rename") acts.rename(id);
      if (dataset.act === "fold") acts.fold();
      if (dataset.act === "duplicate") acts.duplicate();
      if (dataset.act === "copy") copyText(acts.copy());
      if (dataset.act === "disconnect") acts.disconnect(desk.selection);
      if (dataset.act === "delete") acts.remove();
    });
  }

  /**
   * @param {Desk} desk
   * @param {Acts} acts
   * @param {string} key
   * @param {Point} client
   */
  #openLinkMenu(desk, acts, key, client) {
    desk.selectLink(key);
    openAt(byId("link-menu", HTMLElement), byId("graph", HTMLElement), client, () => acts.remove());
  }

  /** @param {Desk} desk */
  #watchSize(desk) {
    const media = matchMedia(SMALL);
    const show = () => {
      desk.isReadOnly = media.matches || !byId("looking", HTMLElement).hidden;
    };
    media.addEventListener("change", show, { signal: this.#life.signal });
    show();
  }

  /**
   * @param {Workflow} workflow
   * @param {Desk} desk
   */
  #saved(workflow, desk) {
    const form = byId("form-view", HTMLAnchorElement);
    form.href = `${this.#page.dataset.list ?? ""}${workflow.id}/form/`;
    form.hidden = false;
    document.title = `${workflow.name} · Easel`;
    if (this.#page.dataset.workflow === workflow.id) return;
    this.#page.dataset.workflow = workflow.id;
    const { folds } = desk;
    desk.recallFolds(workflow.id);
    desk.fold(folds, true);
  }

  /** @param {unknown} error */
  #fail(error) {
    if (this.#life.isOver) return;
    if (!(error instanceof ApiError)) console.warn(error);
    this.#page.dataset.state = "failed";
    byId("workflow-failed", HTMLElement).hidden = false;
    byId("workflow-failure", HTMLElement).textContent =
      error instanceof ApiError ? error.message : gettext("Check the connection and try again.");
  }
}

/** @returns {Promise<unknown>} kept once what is shown now has been laid out and painted */
function drawn() {
  return new Promise((resolve) => {
    requestAnimationFrame(() => requestAnimationFrame(resolve));
  });
}

/** @param {string} text for other tabs; in this one it can be pasted at any rate */
function copyText(text) {
  // There is no clipboard where the connection is not safe, and it may be forbidden.
  const { clipboard } = /** @type {{clipboard?: Clipboard}} */ (navigator);
  clipboard?.writeText(text).catch(() => undefined);
}

/**
 * Open a menu where the pointer is, or beside what it belongs to.
 *
 * @param {HTMLElement} menu
 * @param {HTMLElement} anchor
 * @param {Point | null} client
 * @param {(item: HTMLElement) => void} onChoose
 */
function openAt(menu, anchor, client, onChoose) {
  if (menu.matches(":popover-open")) menu.hidePopover();
  openMenu(menu, anchor, onChoose);
  if (!client) return;
  menu.style.left = `${Math.max(8, Math.min(client.x, innerWidth - menu.offsetWidth - 8))}px`;
  menu.style.top = `${Math.max(8, Math.min(client.y, innerHeight - menu.offsetHeight - 8))}px`;
}

/** @param {PageLife} life */
export function start(life) {
  new WorkflowEditor(life);
}
