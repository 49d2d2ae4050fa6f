// @ts-check
/** Fields of what the user has: pictures, models, boards. Each list is fetched once a page. */

import { getPicture, send } from "./api.js";
import { pickPicture } from "./create/picture_picker.js";
import { icon, make } from "./dom.js";
import { fill } from "./i18n.js";
import { toastError } from "./toast.js";

/** @import {FullModel} from "./create/guides/types.js" */
/** @import {PageLife} from "./page.js" */
/** @import {Picture} from "./types.js" */
/** @import {MakeWidget} from "./workflow_fields.js" */
/** @import {Literal} from "./workflow_types.js" */

/** @typedef {{id: string, name: string}} BoardName */

/** @type {WeakMap<PageLife, Promise<FullModel[]>>} */
const catalogs = new WeakMap();
/** @type {WeakMap<PageLife, Promise<BoardName[]>>} */
const shelves = new WeakMap();

/**
 * @template T
 * @param {WeakMap<PageLife, Promise<T>>} known
 * @param {PageLife} life
 * @param {() => Promise<T>} ask
 * @returns {Promise<T>}
 */
function once(known, life, ask) {
  const earlier = known.get(life);
  if (earlier) return earlier;
  const asked = ask().catch((/** @type {unknown} */ error) => {
    // The next one who asks tries again.
    known.delete(life);
    throw error;
  });
  known.set(life, asked);
  return asked;
}

/**
 * @param {PageLife} life
 * @returns {Promise<FullModel[]>} of every kind
 */
function catalogOf(life) {
  return once(catalogs, life, async () => {
    const response = await send("/api/v1/models?kind=all");
    const { results } = /** @type {{results: FullModel[]}} */ (await response.json());
    // What another service makes is no part of a workflow.
    return results.filter((model) => model.is_enabled && !model.provider);
  });
}

/**
 * @param {PageLife} life
 * @returns {Promise<BoardName[]>}
 */
function boardsOf(life) {
  return once(shelves, life, async () => {
    const response = await send("/api/v1/boards");
    return /** @type {{boards: BoardName[]}} */ (await response.json()).boards;
  });
}

/** @type {MakeWidget} */
export function pictureWidget(input, id, onChange, life) {
  const image = make("img", { class: "workflow-field__picture", alt: "", hidden: "" });
  const words = make("span", { id: `${id}-words` }, gettext("Choose a picture"));
  const control = make(
    "button",
    { class: "workflow-field__pick", type: "button" },
    image,
    icon("image"),
    words,
  );
  control.setAttribute("aria-label", fill(gettext("%(title)s: choose a picture"), { title: input.title }));
  const label = fill(gettext("%(title)s: remove the picture"), { title: input.title });
  const remove = make("button", {
    ...{ class: "button button--quiet button--icon", type: "button", hidden: "" },
    ...{ "aria-label": label, title: label },
  });
  remove.append(icon("close"));
  /** @type {string | null} */
  let name = null;

  /** @param {Pick<Picture, "image_name" | "thumbnail_url"> | null} picture */
  function show(picture) {
    name = picture?.image_name ?? null;
    image.hidden = picture === null;
    if (picture) image.src = picture.thumbnail_url;
    else image.removeAttribute("src");
    words.textContent = picture ? gettext("Choose another") : gettext("Choose a picture");
    control.dataset.chosen = String(picture !== null);
    remove.hidden = picture === null;
  }

  /** @param {Literal | undefined} value */
  function put(value) {
    if (value === name && value !== null) return;
    show(null);
    if (typeof value !== "string" || value === "") return;
    const wanted = value;
    name = wanted;
    getPicture(wanted).then(
      (picture) => {
        if (name === wanted) show(picture);
      },
      () => {
        if (name !== wanted) return;
        words.textContent = gettext("This picture is gone. Choose another.");
        remove.hidden = false;
      },
    );
  }

  control.addEventListener("click", () => {
    pickPicture(life, { title: input.title }).then((picture) => {
      if (!picture) return;
      show(picture);
      onChange(picture.image_name);
      control.focus();
    }, toastError);
  });
  remove.addEventListener("click", () => {
    show(null);
    control.focus();
    onChange(null);
  });
  return { control, body: [make("div", { class: "workflow-field__row" }, control, remove)], put };
}

/** @type {MakeWidget} */
export function modelWidget(input, _id, onChange, life) {
  const kinds = input.kinds ?? [];
  /** @param {FullModel} model */
  function option({ key, name, included, smallest_plan }) {
    const needs = included ? "" : ` · ${smallest_plan ?? gettext("not in your plan")}`;
    const element = make("option", { value: key }, name + needs);
    element.disabled = !included;
    return element;
  }
  return listWidget(onChange, input.required ? gettext("Choose a model") : gettext("None"), async () => {
    const fitting = (await catalogOf(life)).filter(({ kind }) => kinds.includes(kind));
    const families = Map.groupBy(fitting, ({ base_name }) => base_name);
    return [...families].map(([name, models]) =>
      make("optgroup", { label: name || gettext("Any model") }, ...models.map(option)),
    );
  });
}

/** @type {MakeWidget} */
export function boardWidget(input, _id, onChange, life) {
  const nothing = input.required ? gettext("Choose a board") : gettext("On no board");
  const way = make("a", { href: "/boards/" }, gettext("Make one"));
  const lack = make("p", { class: "workflow-field__lack", hidden: "" }, gettext("You have no board yet."), " ", way);
  const parts = listWidget(onChange, nothing, async () => {
    const boards = await boardsOf(life);
    lack.hidden = boards.length > 0;
    return boards.map((board) => make("option", { value: board.id }, board.name));
  });
  return { ...parts, body: [...parts.body, lack] };
}

/**
 * A menu whose items come later; what is chosen already is shown until then by what it is.
 *
 * @param {(value: Literal) => void} onChange
 * @param {string} nothing what no choice is called
 * @param {() => Promise<HTMLElement[]>} fetchItems
 */
function listWidget(onChange, nothing, fetchItems) {
  const none = make("option", { value: "" }, nothing);
  const control = make("select", { class: "input" }, none);
  let wanted = "";

  function show() {
    const isKnown = Array.from(control.options).some(({ value }) => value === wanted);
    if (!isKnown) control.append(make("option", { value: wanted }, wanted));
    control.value = wanted;
  }

  control.addEventListener("change", () => {
    wanted = control.value;
    onChange(wanted || null);
  });
  fetchItems().then((items) => {
    control.replaceChildren(none, ...items);
    show();
  }, toastError);
  return {
    control,
    body: [control],
    put(/** @type {Literal | undefined} */ value) {
      wanted = typeof value === "string" ? value : "";
      show();
    },
  };
}
