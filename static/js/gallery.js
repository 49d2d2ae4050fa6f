// @ts-check
/** The gallery and its large view, in the dialog over the grid or as a page of its own. */

import { deletePicture, restorePicture, starPicture } from "./api.js";
import { drawShelf } from "./boards.js";
import { byId } from "./dom.js";
import { socket } from "./shell.js";
import { toast, toastError } from "./toast.js";

const grid = document.getElementById("grid");
const viewer = document.getElementById("viewer");

/** The picture whose tile gets the focus when the large view goes. */
let returnTo = "";

/** @returns {HTMLElement | null} the picture in large view */
function shown() {
  return document.getElementById("picture");
}

/**
 * @param {string} name
 * @returns {HTMLElement | null}
 */
function tileOf(name) {
  return document.getElementById(`tile-${name}`);
}

/**
 * Show a picture in the dialog.
 *
 * @param {string} href
 */
async function fillViewer(href) {
  if (!(viewer instanceof HTMLDialogElement)) return;
  await htmx.ajax("GET", href, { target: "#viewer-body", swap: "innerHTML" });
  const name = shown()?.dataset.imageName;
  if (!name || !href.includes(name)) {
    closeViewer();
    toast(gettext("This picture is gone."), { kind: "error" });
    return;
  }
  returnTo = name;
  if (!viewer.open) viewer.showModal();
  byId("close", HTMLElement).focus();
}

/** @param {string} href */
async function openViewer(href) {
  history.pushState({ easelPicture: true }, "", href);
  await fillViewer(href);
}

/** Leave the large view: back to the grid, with the focus on the tile it came from. */
function closeViewer() {
  if (history.state?.easelPicture) history.back();
  else if (grid) leaveViewer();
  else location.assign(shown()?.dataset.gallery ?? "/");
}

function leaveViewer() {
  if (!(viewer instanceof HTMLDialogElement)) return;
  if (viewer.open) viewer.close();
  byId("viewer-body", HTMLElement).replaceChildren();
  tileOf(returnTo)?.focus();
}

/** @param {"previous" | "next"} side */
function step(side) {
  const link = document.getElementById(side);
  if (!(link instanceof HTMLAnchorElement)) return;
  if (!grid) {
    location.assign(link.href);
    return;
  }
  history.replaceState({ easelPicture: true }, "", link.href);
  void fillViewer(link.href);
}

/** @param {HTMLElement} picture */
async function remove(picture) {
  const name = picture.dataset.imageName ?? "";
  try {
    await deletePicture(name);
  } catch (error) {
    toastError(error);
    return;
  }
  if (!grid) {
    location.assign(picture.dataset.gallery ?? "/");
    return;
  }
  const tile = tileOf(name);
  const beside = [tile?.nextElementSibling, tile?.previousElementSibling];
  const neighbour = beside.find((element) => element?.matches(".tile"));
  if (neighbour instanceof HTMLElement) returnTo = neighbour.dataset.imageName ?? "";
  const next = tile?.nextSibling ?? null;
  tile?.remove();
  closeViewer();
  showEmptiness();
  void drawShelf();
  toast(gettext("The picture is in the trash for 30 days."), {
    act: {
      text: gettext("Undo"),
      run: () => void bringBack(name, () => tile && grid.insertBefore(tile, next)),
    },
  });
}

/**
 * Take a picture out of the trash again.
 *
 * @param {string} name
 * @param {() => void} show
 */
async function bringBack(name, show) {
  try {
    await restorePicture(name);
  } catch (error) {
    toastError(error);
    return;
  }
  show();
  showEmptiness();
  void drawShelf();
}

/**
 * @param {HTMLElement} picture
 * @param {HTMLElement} button
 */
async function star(picture, button) {
  const starred = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(starred));
  try {
    await starPicture(picture.dataset.imageName ?? "", starred);
  } catch (error) {
    button.setAttribute("aria-pressed", String(!starred));
    toastError(error);
  }
}

/** @param {string} prompt */
async function copyPrompt(prompt) {
  try {
    await navigator.clipboard.writeText(prompt);
    toast(gettext("The prompt is copied."));
  } catch {
    toast(gettext("The browser did not allow copying."), { kind: "error" });
  }
}

function showEmptiness() {
  const isWhole = grid?.dataset.live !== undefined;
  byId("gallery-empty", HTMLElement).hidden = !isWhole || grid.querySelector(".tile") !== null;
}

/** @param {string} name */
async function addTile(name) {
  // What is searched for may be something else.
  if (grid?.dataset.live === undefined || tileOf(name)) return;
  const href = `${grid.dataset.gallery ?? ""}${name}/tile/`;
  await htmx.ajax("GET", href, { target: grid, swap: "afterbegin" });
  tileOf(name)?.classList.add("tile--new");
  showEmptiness();
  void drawShelf();
}

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element)) return;
  const button = event.target.closest("[data-action]");
  const picture = shown();
  if (button instanceof HTMLElement && picture) {
    if (button.dataset.action === "delete") void remove(picture);
    else if (button.dataset.action === "star") void star(picture, button);
    else void copyPrompt(button.dataset.prompt ?? "");
    return;
  }
  // A modified click is the browser's: a new tab, a new window, a download.
  if (!grid || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const link = event.target.closest("a");
  if (!(link instanceof HTMLAnchorElement)) return;
  if (link.matches(".tile")) {
    event.preventDefault();
    void openViewer(link.href);
  } else if (link.matches(".picture__step")) {
    event.preventDefault();
    step(link.id === "next" ? "next" : "previous");
  } else if (link.id === "close") {
    event.preventDefault();
    closeViewer();
  }
});

document.addEventListener("keydown", (event) => {
  if (!shown() || document.querySelector("#confirm[open]")) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  // In the account menu the arrows choose the theme.
  if (event.target instanceof HTMLInputElement) return;
  if (event.key === "ArrowLeft") step("previous");
  else if (event.key === "ArrowRight") step("next");
  else if (event.key === "Escape" && !grid) closeViewer();
});

viewer?.addEventListener("cancel", (event) => {
  event.preventDefault();
  closeViewer();
});

// A browser may close the dialog without asking, at the second Esc.
viewer?.addEventListener("close", () => {
  if (history.state?.easelPicture) history.back();
});

addEventListener("popstate", () => {
  if (history.state?.easelPicture) void fillViewer(location.href);
  else leaveViewer();
});

socket.listen({
  onEvent(event) {
    if (event.type === "image") void addTile(event.image.image_name);
  },
});
