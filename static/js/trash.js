// @ts-check
/** The trash: ask before it is emptied. */

import { byId, confirmed } from "./dom.js";

const form = document.getElementById("empty-trash");
let isSure = false;

form?.addEventListener("submit", (event) => {
  if (isSure) return;
  event.preventDefault();
  void ask();
});

async function ask() {
  isSure = await confirmed({
    title: gettext("Empty the trash?"),
    text: gettext("All pictures in it go for good."),
    yes: gettext("Empty"),
  });
  if (isSure) byId("empty-trash", HTMLFormElement).requestSubmit(form?.querySelector("button"));
}
