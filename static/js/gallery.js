// @ts-check
/** The Gallery page, and the page of one picture: what the parts of them have to do together. */

import { getPicture } from "./api.js";
import { resumeArchives } from "./archives.js";
import { Arrivals } from "./arrivals.js";
import { startDays } from "./board_days.js";
import { BOARD_DELETED, drawShelf, startBoards } from "./boards.js";
import { compare } from "./compare.js";
import { byId } from "./dom.js";
import { startDragging } from "./drag.js";
import { startFilters } from "./filters.js";
import { Grid } from "./grid.js";
import { isCovered, startGridKeys } from "./grid_keys.js";
import { PICTURES_CHANGED } from "./library_api.js";
import { PageList } from "./page_list.js";
import { PictureActs } from "./picture_acts.js";
import { readdress } from "./router.js";
import { Selection } from "./selection.js";
import { offerBoards, SelectionBar } from "./selection_bar.js";
import { startSharing } from "./sharing.js";
import { factsOf, nameOf } from "./tiles.js";
import { toast, toastError } from "./toast.js";
import { Viewer } from "./viewer.js";

/** @import {PageLife} from "./page.js" */
/** @import {Facts} from "./types.js" */
/** @import {BoardDeletion} from "./boards.js" */
/** @import {Compared} from "./compare.js" */

const SHELF_WAIT_MS = 400;

/** @param {PageLife} life */
export function start(life) {
  const element = document.getElementById("grid");
  if (element) startGallery(element, life);
  else new Viewer(null, life);
}

/** @param {HTMLElement} tile */
function comparedOf(tile) {
  const title = tile.querySelector(".tile__words")?.textContent ?? "";
  return { name: nameOf(tile), title };
}

/**
 * Read the list and its first page off the page that the server rendered.
 *
 * @param {HTMLElement} grid
 */
function listOf(grid) {
  const { gallery = "", list: query = "", places, total, cursor = "" } = grid.dataset;
  const more = grid.querySelector(".more");
  const next = (more instanceof HTMLElement && more.dataset.cursor) || null;
  const tiles = /** @type {HTMLElement[]} */ (Array.from(grid.querySelectorAll(".tile")));
  const source = {
    ...{ gallery, query, places, start: cursor },
    total: total === undefined ? null : Number(total),
  };
  return { source, first: { tiles, next } };
}

/**
 * @param {HTMLElement} root
 * @param {PageLife} life
 */
function startGallery(root, life) {
  const { signal } = life;
  const query = new URLSearchParams(location.search);
  const shownBoard = query.get("board") ?? "";
  const isLive = root.dataset.live !== undefined;
  /** @type {Compared | null} a picture for which another is looked for */
  let compared = null;
  /** Whether a snapshot is news: what the page came with was new. */
  let isTold = life.isOnline;
  let shelfTimer = 0;
  let isShelfStale = false;

  const { source, first } = listOf(root);
  const list = new PageList(source, first, { onChange: refresh, onError: toastError });
  const selection = new Selection(list, refresh);
  const grid = new Grid(root, list, (tile) => {
    const isSelected = selection.has(nameOf(tile));
    tile.toggleAttribute("data-selected", isSelected);
    if (isSelected) tile.setAttribute("aria-description", gettext("Selected"));
    else tile.removeAttribute("aria-description");
  });
  life.onEnd(() => grid.close());
  const acts = new PictureActs(list, selection, shownBoard, life);
  const bar = new SelectionBar(selection, acts, ([before, after]) => {
    if (before && after) void compareNames(before.name, after.name);
  });
  const arrivals = new Arrivals(grid, list, life);
  const beneath = {
    tileOf: (/** @type {string} */ name) => list.tileOf(name),
    async beside(/** @type {string} */ name, /** @type {1 | -1} */ step) {
      const position = list.positionOf(name) + step;
      if (position < step || position < 0 || position >= list.length) return null;
      try {
        return (await list.between(position, position))[0] ?? null;
      } catch (error) {
        toastError(error);
        return null;
      }
    },
    onLeave: (/** @type {string} */ name) => {
      const position = list.positionOf(name);
      grid.focus(position < 0 ? grid.active : position);
    },
    trash: (/** @type {Facts} */ facts) => acts.trash([facts]),
    onChange: (/** @type {string} */ name, /** @type {Partial<Facts>} */ facts) =>
      acts.show(name, facts),
    onCompare: lookForAnother,
  };
  const viewer = new Viewer(beneath, life);

  function refresh() {
    // What was awaited may come when another page is shown.
    if (life.isOver) return;
    root.toggleAttribute("data-selecting", selection.size > 0);
    grid.draw();
    bar.show();
    for (const id of ["gallery-empty", "place-empty"]) {
      const note = document.getElementById(id);
      const isAsked = id === "place-empty" || (isLive && shownBoard === "");
      if (note) note.hidden = !isAsked || list.length > 0;
    }
  }

  /** @returns {Facts[]} what an act is about: what is selected, or where the keyboard is */
  function chosen() {
    if (selection.size > 0) return selection.facts;
    const tile = document.activeElement;
    return tile instanceof HTMLElement && tile.matches("#grid .tile") ? [factsOf(tile)] : [];
  }

  /**
   * @param {string} before
   * @param {string} after
   */
  async function compareNames(before, after) {
    const [one, other] = await Promise.all([before, after].map(known));
    if (one && other) compare(one, other);
  }

  /**
   * @param {string} name
   * @returns {Promise<Compared | null>}
   */
  async function known(name) {
    const tile = list.tileOf(name);
    if (tile) return comparedOf(tile);
    try {
      const { metadata } = await getPicture(name);
      return { name, title: metadata.prompt ?? gettext("Uploaded picture") };
    } catch (error) {
      toastError(error);
      return null;
    }
  }

  /** @param {Compared} picture */
  function lookForAnother(picture) {
    compared = picture;
    root.dataset.choosing = "";
    toast(gettext("Choose the picture to compare it with."), {
      act: { text: gettext("Cancel"), run: stopLooking },
    });
  }

  function stopLooking() {
    compared = null;
    delete root.dataset.choosing;
  }

  startGridKeys({
    ...{ grid, list, selection, life },
    onAct(act) {
      const facts = chosen();
      if (facts.length === 0) return;
      if (act === "trash") void acts.trash(facts);
      else {
        const anchor = selection.size > 0 ? bar.moveButton : document.activeElement;
        offerBoards(acts, facts, anchor instanceof HTMLElement ? anchor : root);
      }
    },
  });

  startDragging(life, {
    dragged(tile) {
      const name = nameOf(tile);
      return selection.has(name) ? selection.facts.map((fact) => fact.name) : [name];
    },
    onDrop(names, place, title) {
      const tiles = names.map((name) => list.tileOf(name));
      const facts = selection.has(names[0] ?? "")
        ? selection.facts
        : tiles.flatMap((tile) => (tile ? [factsOf(tile)] : []));
      if (place === "trash") void acts.trash(facts);
      else void acts.move(facts, place, title);
    },
  });

  // The elements of a page go with it, and so does what listens to them.
  root.addEventListener("click", (event) => {
    // A modified click is for the selection, or the browser's.
    if (event.defaultPrevented || event.altKey) return;
    const tile = event.target instanceof Element && event.target.closest("a.tile");
    if (!(tile instanceof HTMLAnchorElement)) return;
    event.preventDefault();
    if (compared) {
      compare(compared, comparedOf(tile));
      stopLooking();
    } else void viewer.open(tile.href);
  });

  document.addEventListener(
    "keydown",
    (event) => {
      if (event.key === "Escape" && !event.isComposing && compared) stopLooking();
    },
    { signal },
  );

  // Fields that were left empty do not belong into the address.
  byId("search", HTMLFormElement).addEventListener("formdata", ({ formData }) => {
    for (const [name, value] of [...formData]) {
      if (value === "" || (name === "order" && value === "newest")) formData.delete(name);
    }
  });

  /** Once for many that come together, and not under an open menu. */
  function drawShelfSoon() {
    shelfTimer ||= life.later(() => {
      shelfTimer = 0;
      if (isCovered()) drawShelfSoon();
      // Without an answer the counts stay as they are until the connection is back.
      else drawShelf().catch(() => (isShelfStale = true));
    }, SHELF_WAIT_MS);
  }

  life.listen({
    onEvent(event) {
      if (event.type === "snapshot") {
        // It stands for events that nobody tells of any more.
        if (isTold) {
          drawShelfSoon();
          if (isLive) void arrivals.catchUp();
        }
        isTold = true;
      }
      if (event.type !== "image") return;
      drawShelfSoon();
      const { image_name: name, board } = event.image;
      // What is searched for may be something else.
      const isHere = shownBoard === "" || shownBoard === (board ?? "none");
      if (isLive && isHere) void arrivals.take(name);
    },
    onStatus(online) {
      if (!online || !isShelfStale) return;
      isShelfStale = false;
      drawShelfSoon();
    },
  });

  document.addEventListener(
    BOARD_DELETED,
    (event) => {
      if (!(event instanceof CustomEvent)) return;
      const { board, pictures } = /** @type {BoardDeletion} */ (event.detail);
      const names = selection.facts.filter((fact) => fact.board === board).map(({ name }) => name);
      if (pictures === "trash") selection.drop(names);
      else for (const name of names) selection.change(name, { board: "none" });
      void list.reload();
    },
    { signal },
  );
  document.addEventListener(
    PICTURES_CHANGED,
    () => {
      drawShelfSoon();
      void list.reload();
    },
    { signal },
  );

  startBoards(life);
  startSharing();
  startFilters();
  startDays(query.has("since"));
  void list.measure();
  void resumeArchives();
  const wanted = query.get("compare");
  if (wanted) {
    readdress(location.pathname);
    void known(wanted).then((picture) => picture && lookForAnother(picture));
  }
}
