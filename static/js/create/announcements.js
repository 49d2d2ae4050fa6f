// @ts-check
/** What becomes of a job, said to people who listen to the page. */

import { announce } from "../dom.js";
import { fill, formatNumber } from "../i18n.js";

/** @import {Job} from "../types.js" */

/**
 * @param {Job} job
 * @param {Job | null} before
 */
export function announceChange(job, before) {
  if (!before || before.state === job.state) return;
  const isWorkflow = job.kind === "workflow";
  if (job.state === "running") {
    announce(isWorkflow ? gettext("Running…") : gettext("Your picture is being made."));
  } else if (job.state === "succeeded" && isWorkflow) {
    const { length: count } = job.images;
    const made = ngettext("The run is done: %(count)s picture.", "The run is done: %(count)s pictures.", count);
    announce(fill(made, { count: formatNumber(count) }));
  } else if (job.state === "succeeded") {
    announce(fill(gettext("Your picture is ready: %(prompt)s"), { prompt: job.prompt }));
  } else if (job.state === "cancelled") announce(gettext("Cancelled."));
  else if (job.state === "failed") announce(job.error?.detail ?? "");
}
