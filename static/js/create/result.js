// @ts-check
/** What stands below a picture on the stage: its facts, and what can be done with it. */

import { icon, make } from "../dom.js";
import { fill, formatNumber, formatSeconds } from "../i18n.js";

/** @import {Job, Picture} from "../types.js" */

/** @typedef {{id: string, name: string}} BoardName */

/**
 * What can be done with a result; each of its names is the `data-act` of a button as well.
 *
 * @typedef {object} ResultActions
 * @property {(job: Job) => void} again
 * @property {(job: Job) => void} vary
 * @property {(job: Job, picture: Picture) => void} useSettings
 * @property {(picture: Picture, job: Job) => void} useSeed
 * @property {(picture: Picture) => void} useAsStart
 * @property {(picture: Picture) => void} star
 * @property {(picture: Picture, board: string) => void} putOnBoard the id of a board, or "none"
 * @property {(picture: Picture) => void} remove
 */

/** The keys of what can be done, by `data-act`. */
export const RESULT_KEYS = /** @type {const} */ ({
  vary: "V",
  again: "A",
  star: "S",
  download: "D",
  open: "O",
  board: "B",
  edit: "E",
  useAsStart: "I",
  useSettings: "U",
  useSeed: "Shift+U",
  remove: "Delete",
});

/** @typedef {keyof typeof RESULT_KEYS} ResultAct */

/** @returns {Record<ResultAct, string>} what each is called */
export function resultLabels() {
  return {
    vary: gettext("Vary"),
    again: gettext("Again"),
    star: gettext("Star"),
    download: gettext("Download"),
    open: gettext("Open large"),
    board: gettext("Board"),
    edit: gettext("Edit on canvas"),
    useAsStart: gettext("Start from it"),
    useSettings: gettext("Use settings"),
    useSeed: gettext("Use seed"),
    remove: gettext("Delete"),
  };
}

const SYMBOLS = /** @type {Record<ResultAct, string>} */ ({
  vary: "vary",
  again: "repeat",
  star: "star",
  download: "download",
  open: "expand",
  board: "board",
  edit: "brush",
  useAsStart: "image",
  useSettings: "sliders",
  useSeed: "seed",
  remove: "trash",
});

/**
 * @param {Job} job
 * @returns {boolean} whether its settings are no more than a sketch of a workflow
 */
export function isRun(job) {
  return job.kind === "workflow";
}

/**
 * @param {string} href
 * @returns {HTMLAnchorElement}
 */
export function workflowLink(href) {
  const link = make("a", { class: "button button--quiet", href, "data-act": "workflow" });
  link.append(icon("nodes"), gettext("Open its workflow"));
  return link;
}

export class Result {
  #actions;
  #boards;

  /**
   * @param {ResultActions} actions
   * @param {BoardName[]} boards
   */
  constructor(actions, boards) {
    this.#actions = actions;
    this.#boards = boards;
  }

  /**
   * @param {Job} job
   * @param {Picture} picture
   * @param {Node} variants
   * @returns {Node[]}
   */
  draw(job, picture, variants) {
    const act = this.#actions;
    const caption = make("p", { class: "stage__caption", title: job.prompt }, job.prompt);
    const path = encodeURIComponent(picture.image_name);
    const download = this.#link("download", `/api/v1/images/${path}/full?download=1`, { isBare: true });
    download.setAttribute("download", "");
    const star = this.#button("star", () => act.star(picture), { isBare: true });
    star.setAttribute("aria-pressed", String(picture.starred));
    star.classList.add("stage__star");
    return [
      make(
        "div",
        { class: "stage__line" },
        caption,
        variants,
        make(
          "div",
          { class: "stage__quick" },
          star,
          download,
          this.#link("open", `/gallery/${path}/`, { isBare: true }),
          this.#button("remove", () => act.remove(picture), { isBare: true, isDanger: true }),
        ),
      ),
      figures(job, picture),
      make(
        "div",
        { class: "stage__actions", role: "group", "aria-label": gettext("What to do with it") },
        ...this.#repeats(job, path),
        this.#link("edit", `/canvas/new/?image=${path}`),
        this.#button("useAsStart", () => act.useAsStart(picture)),
        this.#boardChoice(picture),
        ...(isRun(job) ? [] : [this.#button("useSettings", () => act.useSettings(job, picture))]),
        // Who makes pictures for us may have no seeds.
        ...(picture.metadata.seed === null
          ? []
          : [this.#button("useSeed", () => act.useSeed(picture, job))]),
      ),
    ];
  }

  /**
   * What makes it anew. A workflow that is done is run again where it can be looked at.
   *
   * @param {Job} job
   * @param {string} path of the picture
   */
  #repeats(job, path) {
    const act = this.#actions;
    const isDone = isRun(job) && job.state === "succeeded";
    return [
      ...(isDone ? [] : [this.#button("vary", () => act.vary(job))]),
      ...(isDone ? [] : [this.#button("again", () => act.again(job))]),
      ...(isRun(job) ? [workflowLink(`/workflows/new/?image=${path}`)] : []),
    ];
  }

  /**
   * @param {ResultAct} name
   * @param {() => void} act
   * @param {{isBare?: boolean, isDanger?: boolean}} [look]
   */
  #button(name, act, { isBare = false, isDanger = false } = {}) {
    const kinds = ["button", "button--quiet"];
    if (isDanger) kinds.push("button--danger");
    const button = make("button", { type: "button", class: kinds.join(" ") });
    button.addEventListener("click", act);
    return dress(button, name, isBare);
  }

  /**
   * @param {ResultAct} name
   * @param {string} href
   * @param {{isBare?: boolean}} [look]
   */
  #link(name, href, { isBare = false } = {}) {
    return dress(make("a", { class: "button button--quiet", href }), name, isBare);
  }

  // The browser's own list lies over the button, unseen: it knows every keyboard and every finger.
  /** @param {Picture} picture */
  #boardChoice(picture) {
    const label = resultLabels().board;
    const select = make("select", {
      class: "stage__select",
      "data-act": "board",
      "aria-label": label,
      "aria-keyshortcuts": RESULT_KEYS.board,
      title: `${label} (${RESULT_KEYS.board})`,
    });
    const options = [{ id: "none", name: gettext("On no board") }, ...this.#boards];
    select.append(...options.map(({ id, name }) => make("option", { value: id }, name)));
    select.value = picture.board ?? "none";
    select.addEventListener("change", () => this.#actions.putOnBoard(picture, select.value));
    const name = this.#boards.find(({ id }) => id === picture.board)?.name;
    const words = make("span", { class: "stage__board-name" }, name ?? label);
    return make("span", { class: "button button--quiet stage__choice" }, icon("board"), words, select);
  }
}

/**
 * @template {HTMLElement} T
 * @param {T} element
 * @param {ResultAct} name
 * @param {boolean} isBare with its symbol alone
 * @returns {T}
 */
function dress(element, name, isBare) {
  const label = resultLabels()[name];
  const key = RESULT_KEYS[name];
  element.dataset.act = name;
  element.title = `${label} (${key})`;
  element.setAttribute("aria-keyshortcuts", key);
  element.append(icon(SYMBOLS[name]));
  if (isBare) {
    element.classList.add("button--icon");
    element.setAttribute("aria-label", label);
  } else element.append(label);
  return element;
}

/**
 * @param {Job} job
 * @param {Picture} picture
 */
function figures(job, picture) {
  const seconds = Number(job.compute_seconds ?? 0);
  const texts = [
    job.state === "cancelled" ? gettext("Cancelled") : "",
    `${formatNumber(picture.width)} × ${formatNumber(picture.height)}`,
    picture.metadata.seed === null
      ? ""
      : fill(gettext("Seed %(seed)s"), { seed: String(picture.metadata.seed ?? job.seed) }),
    picture.metadata.steps === null
      ? ""
      : fill(ngettext("%(steps)s step", "%(steps)s steps", job.steps), {
          steps: formatNumber(job.steps),
        }),
    seconds > 0 ? fill(gettext("Made in %(time)s"), { time: formatSeconds(seconds) }) : "",
  ];
  const parts = texts.filter(Boolean).map((text) => make("span", {}, text));
  return make("p", { class: "stage__figures" }, ...parts);
}
