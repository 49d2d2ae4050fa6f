// @ts-check
/** The page of training: a new set, and how far the trainings are. */

import { asked, byId } from "../dom.js";
import { formatNumber } from "../i18n.js";
import { toastError } from "../toast.js";
import { createSet } from "./api.js";

/** @import {PageLife} from "../page.js" */

/** @param {PageLife} life */
export function start(life) {
  const { signal } = life;
  const dialog = byId("set-dialog", HTMLDialogElement);
  let isOld = false;

  /** Show the list anew, but take nobody's words away: with the page its dialog would go. */
  function renew() {
    isOld = dialog.open;
    if (!isOld && !life.isOver) life.visit(location.href);
  }

  async function makeSet() {
    const field = byId("set-name", HTMLInputElement);
    field.value = "";
    const name = (await asked(dialog)) ? field.value.trim() : "";
    if (name === "") {
      if (isOld) renew();
      return;
    }
    const made = await createSet(name);
    life.visit(`${location.pathname}sets/${made.id}/`);
  }

  /** @param {string} job */
  function rowOf(job) {
    const row = document.querySelector(`.run-row[data-job="${CSS.escape(job)}"]`);
    return row instanceof HTMLElement ? row : null;
  }

  life.root.addEventListener(
    "click",
    (event) => {
      if (!(event.target instanceof Element)) return;
      if (event.target.closest("#new-set, [data-new-set]")) makeSet().catch(toastError);
      if (event.target.closest("[data-close]")) dialog.close("no");
    },
    { signal },
  );
  life.listen({
    onEvent(event) {
      if (event.type === "progress") {
        const row = rowOf(event.job_id);
        const bar = row?.querySelector("progress");
        const step = row?.querySelector("[data-step]");
        if (bar) bar.value = event.step;
        if (step) step.textContent = formatNumber(event.step);
      }
      const isTurn = ["started", "finished", "failed"].includes(event.type);
      if (isTurn && "job_id" in event && rowOf(event.job_id)) renew();
    },
  });
  life.onEnd(() => dialog.close());
}
