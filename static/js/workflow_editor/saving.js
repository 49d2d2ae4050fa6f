// @ts-check
/** Saves of a workflow: each is a version, and none goes over what was saved elsewhere. */

import { ApiError } from "../api.js";
import { announce, byId } from "../dom.js";
import { fill } from "../i18n.js";
import { readdress } from "../router.js";
import { toastError } from "../toast.js";
import { changeWorkflow, createWorkflow, getWorkflow } from "../workflow_api.js";

/** @import {Workflow, WorkflowDocument} from "../workflow_types.js" */
/** @import {Desk} from "./desk.js" */

/** @typedef {"saved" | "unsaved" | "saving" | "conflict" | "failed"} SaveState */

export class Saving {
  #desk;
  #onSaved;
  /** @type {Workflow | null} as the server has it; null for a new one */
  #workflow = null;
  /** @type {SaveState} */
  #state = "saved";
  #list = byId("workflow-editor", HTMLElement).dataset.list ?? "/workflows/";
  #name = byId("workflow-name", HTMLInputElement);

  /**
   * @param {Desk} desk
   * @param {(workflow: Workflow) => void} onSaved
   */
  constructor(desk, onSaved) {
    this.#desk = desk;
    this.#onSaved = onSaved;
    const { graph, life } = desk;
    const { signal } = life;
    graph.listen(() => this.#note());
    life.guard(() => graph.isDirty);
    byId("save", HTMLElement).addEventListener("click", () => void this.save(), { signal });
    this.#name.addEventListener("input", () => graph.setHead({ name: this.#name.value }), { signal });
    byId("conflict-load", HTMLElement).addEventListener("click", () => void this.#load(), { signal });
    byId("conflict-keep", HTMLElement).addEventListener("click", () => void this.#keep(), { signal });
  }

  /** @returns {Workflow | null} */
  get workflow() {
    return this.#workflow;
  }

  /** @param {Workflow} workflow as it was opened */
  open(workflow) {
    this.#take(workflow);
    this.#desk.graph.open(contentOf(workflow));
    this.#tell("saved");
  }

  /** @param {Workflow} workflow in the place of what is here, which can be brought back */
  restore(workflow) {
    this.#take(workflow);
    const { graph } = this.#desk;
    graph.replace(contentOf(workflow));
    graph.markSaved();
    this.#tell("saved");
  }

  /** @param {Workflow} workflow */
  #take(workflow) {
    this.#workflow = workflow;
    byId("shared-note", HTMLElement).hidden = !workflow.is_shared;
  }

  /** @returns {Promise<boolean>} whether the server has it all */
  async save() {
    const { graph, life, isReadOnly } = this.#desk;
    const isNew = this.#workflow === null || this.#workflow.is_shared;
    if (isReadOnly || this.#state === "saving") return false;
    if (!graph.isDirty && !isNew) {
      announce(gettext("Everything is saved."));
      return true;
    }
    this.#tell("saving");
    try {
      if (!graph.name.trim()) graph.setHead({ name: gettext("New workflow") });
      const { state } = graph;
      const saved = await this.#send();
      if (life.isOver) return true;
      this.#workflow = saved;
      graph.markSaved(state);
      if (isNew) readdress(`${this.#list}${saved.id}/${location.hash}`);
      byId("shared-note", HTMLElement).hidden = true;
      this.#tell(graph.isDirty ? "unsaved" : "saved");
      announce(fill(gettext("Saved as version %(number)s."), { number: saved.version }));
      this.#onSaved(saved);
      return !graph.isDirty;
    } catch (error) {
      if (life.isOver) return false;
      const isConflict = error instanceof ApiError && error.code === "version_conflict";
      this.#tell(isConflict ? "conflict" : "failed");
      if (!isConflict) toastError(error);
      return false;
    }
  }

  /** @returns {Promise<Workflow>} */
  #send() {
    const { graph } = this.#desk;
    const document = graph.toJSON();
    const { name, description } = graph;
    const own = this.#workflow;
    if (own === null || own.is_shared) return createWorkflow({ name, description, document });
    return changeWorkflow(own.id, { name, description, document, base_version: own.version });
  }

  async #load() {
    if (!this.#workflow) return;
    try {
      const workflow = await getWorkflow(this.#workflow.id);
      this.open(workflow);
      this.#onSaved(workflow);
    } catch (error) {
      toastError(error);
    }
  }

  /** Save over what was saved elsewhere meanwhile: who asks has seen that it is there. */
  async #keep() {
    if (!this.#workflow) return;
    try {
      const { version } = await getWorkflow(this.#workflow.id);
      this.#workflow = { ...this.#workflow, version };
      await this.save();
    } catch (error) {
      toastError(error);
    }
  }

  #note() {
    const { graph } = this.#desk;
    if (this.#name.value !== graph.name) this.#name.value = graph.name;
    if (this.#state === "saving" || this.#state === "conflict") return;
    this.#tell(graph.isDirty ? "unsaved" : "saved");
  }

  /** @param {SaveState} state */
  #tell(state) {
    this.#state = state;
    const words = {
      saved: this.#workflow ? gettext("Saved") : "",
      unsaved: gettext("Not saved yet"),
      saving: gettext("Saving…"),
      conflict: gettext("Saved elsewhere"),
      failed: gettext("It could not be saved."),
    }[state];
    byId("save-state", HTMLElement).dataset.state = state;
    byId("save-text", HTMLElement).textContent = words;
    byId("conflict", HTMLElement).hidden = state !== "conflict";
  }
}

/**
 * @param {Workflow} workflow
 * @returns {WorkflowDocument} by the name that it has now
 */
function contentOf({ document, name, description }) {
  return { ...document, name, description };
}
