// @ts-check
/** Menus that pop up beside what they belong to, for the mouse and for the keyboard. */

const EDGE = 8;

/**
 * Open a menu beside `anchor`; `onChoose` gets the item that is chosen.
 *
 * @param {HTMLElement} menu a popover with role "menu"
 * @param {HTMLElement} anchor
 * @param {(item: HTMLElement) => void} onChoose
 */
export function openMenu(menu, anchor, onChoose) {
  if (menu.matches(":popover-open")) {
    menu.hidePopover();
    return;
  }
  const closing = new AbortController();
  const { signal } = closing;
  menu.showPopover();
  place(menu, anchor.getBoundingClientRect());
  itemsOf(menu)[0]?.focus();
  anchor.setAttribute("aria-expanded", "true");
  menu.addEventListener(
    "click",
    (event) => {
      const item = event.target instanceof Element && event.target.closest(".menu__item");
      if (!(item instanceof HTMLElement)) return;
      menu.hidePopover();
      onChoose(item);
    },
    { signal },
  );
  menu.addEventListener("keydown", (event) => move(menu, event), { signal });
  menu.addEventListener(
    "toggle",
    (event) => {
      if (event.newState !== "closed") return;
      closing.abort();
      anchor.removeAttribute("aria-expanded");
      const stays = !document.activeElement || document.activeElement === document.body;
      if (stays && anchor.isConnected && !document.querySelector("dialog[open]")) anchor.focus();
    },
    { signal },
  );
}

/**
 * @param {HTMLElement} menu
 * @param {DOMRect} beside
 */
function place(menu, beside) {
  const { offsetWidth: width, offsetHeight: height } = menu;
  const fitsBelow = beside.bottom + height + EDGE <= innerHeight;
  const top = fitsBelow ? beside.bottom + 4 : Math.max(EDGE, beside.top - height - 4);
  const left = Math.min(beside.left, innerWidth - width - EDGE);
  menu.style.top = `${Math.min(top, Math.max(EDGE, innerHeight - height - EDGE))}px`;
  menu.style.left = `${Math.max(EDGE, left)}px`;
}

/**
 * @param {HTMLElement} menu
 * @returns {HTMLElement[]}
 */
function itemsOf(menu) {
  const items = Array.from(menu.querySelectorAll(".menu__item"));
  return /** @type {HTMLElement[]} */ (items).filter((item) => !item.hidden);
}

/**
 * @param {HTMLElement} menu
 * @param {KeyboardEvent} event
 */
function move(menu, event) {
  // What a key means in the page it does not mean in a menu.
  event.stopPropagation();
  const items = itemsOf(menu);
  const at = items.findIndex((item) => item === document.activeElement);
  const to = {
    ArrowDown: (at + 1) % items.length,
    ArrowUp: (at - 1 + items.length) % items.length,
    Home: 0,
    End: items.length - 1,
  }[event.key];
  if (to !== undefined) {
    event.preventDefault();
    items[to]?.focus();
  } else if (event.key === "Tab") menu.hidePopover();
  else if (event.key.length === 1 && event.key !== " ") {
    const letter = event.key.toLowerCase();
    const after = [...items.slice(at + 1), ...items.slice(0, at + 1)];
    after.find((item) => item.textContent.trim().toLowerCase().startsWith(letter))?.focus();
  }
}
