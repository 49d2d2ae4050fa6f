// @ts-check
/** Dragging: pictures onto boards, and boards into another order. */

import { placeBoard, shownBoards } from "./boards.js";
import { make } from "./dom.js";
import { fill, formatNumber } from "./i18n.js";

/** @import {PageLife} from "./page.js" */

const PICTURES = "application/x-easel-pictures";
const BOARD = "application/x-easel-board";

/**
 * @param {Element | null} target
 * @returns {HTMLElement | null} what pictures can be dropped on there
 */
function placeAt(target) {
  const place = target?.closest("[data-drop]");
  return place instanceof HTMLElement ? place : null;
}

/**
 * @param {Element | null} target
 * @returns {HTMLElement | null} a board that has a place in the order
 */
function boardAt(target) {
  const board = target?.closest("#shelf [data-board]:not([data-archived])");
  return board instanceof HTMLElement ? board : null;
}

/**
 * @param {HTMLElement} board
 * @param {DragEvent} event
 * @returns {boolean} whether the pointer is past the middle of it
 */
function isPast(board, event) {
  const box = board.getBoundingClientRect();
  const shelf = board.parentElement;
  const isRow = shelf !== null && getComputedStyle(shelf).flexDirection === "row";
  return isRow
    ? event.clientX > box.left + box.width / 2
    : event.clientY > box.top + box.height / 2;
}

/** @param {string} text */
function badge(text) {
  const element = make("div", { class: "drag-badge" }, text);
  document.body.append(element);
  // The browser takes its picture of it after this event.
  setTimeout(() => element.remove());
  return element;
}

const MARKS = ["drop--onto", "drop--before", "drop--after"];

function unmark() {
  for (const element of document.querySelectorAll("#shelf .shelf__item")) {
    element.classList.remove(...MARKS);
  }
}

/**
 * @param {PageLife} life
 * @param {object} pictures
 * @param {(tile: HTMLElement) => string[]} pictures.dragged the names that go with a tile
 * @param {(names: string[], place: string, title: string) => void} pictures.onDrop
 */
export function startDragging({ signal }, { dragged, onDrop }) {
  let board = "";
  /** @type {string[]} */
  let names = [];

  /** @param {DragEvent} event */
  function begin(event) {
    const { target, dataTransfer } = event;
    if (!(target instanceof Element) || !dataTransfer) return;
    const tile = target.closest("#grid .tile");
    const item = boardAt(target);
    if (tile instanceof HTMLElement) {
      names = dragged(tile);
      dataTransfer.clearData();
      dataTransfer.setData(PICTURES, names.join(","));
      dataTransfer.effectAllowed = "move";
      const message = ngettext("%(count)s picture", "%(count)s pictures", names.length);
      const text = fill(message, { count: formatNumber(names.length) });
      dataTransfer.setDragImage(badge(text), 12, 12);
      document.body.dataset.dragging = "pictures";
    } else if (item) {
      board = item.dataset.board ?? "";
      dataTransfer.clearData();
      dataTransfer.setData(BOARD, board);
      dataTransfer.effectAllowed = "move";
    }
  }

  /** @param {DragEvent} event */
  function hover(event) {
    const { dataTransfer, target } = event;
    if (!dataTransfer || !(target instanceof Element)) return;
    unmark();
    if (dataTransfer.types.includes(PICTURES)) {
      const place = placeAt(target);
      if (!place) return;
      event.preventDefault();
      place.classList.add("drop--onto");
    } else if (dataTransfer.types.includes(BOARD)) {
      const over = boardAt(target);
      if (!over) return;
      event.preventDefault();
      if (over.dataset.board === board) return;
      over.classList.add(isPast(over, event) ? "drop--after" : "drop--before");
    }
  }

  /** @param {DragEvent} event */
  function drop(event) {
    const { dataTransfer, target } = event;
    if (!dataTransfer || !(target instanceof Element)) return;
    if (dataTransfer.types.includes(PICTURES)) {
      const place = placeAt(target);
      if (!place) return;
      event.preventDefault();
      const title = place.querySelector(".board__name")?.textContent ?? "";
      onDrop(names, place.dataset.drop ?? "", title);
    } else if (dataTransfer.types.includes(BOARD)) {
      const over = boardAt(target);
      if (!over || over.dataset.board === board) return;
      event.preventDefault();
      const boards = shownBoards();
      const before = isPast(over, event) ? boards[boards.indexOf(over) + 1] : over;
      if (before?.dataset.board === board) return;
      void placeBoard(board, before?.dataset.board ?? null);
    }
  }

  function end() {
    unmark();
    delete document.body.dataset.dragging;
  }

  document.addEventListener("dragstart", begin, { signal });
  document.addEventListener("dragover", hover, { signal });
  document.addEventListener("drop", drop, { signal });
  document.addEventListener("dragend", end, { signal });
}
