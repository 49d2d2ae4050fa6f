// @ts-check
/**
 * Many pictures as one zip: ask for it, show how far it is, then have the browser fetch it.
 *
 * What is under way is no matter of a page: it is shown and fetched wherever one is by then.
 */

import { ApiError, createArchive, deleteArchive, getArchive, listArchives } from "./api.js";
import { announce, byId, make } from "./dom.js";
import { fill, formatNumber } from "./i18n.js";
import { openMenu } from "./menu.js";
import { socket } from "./shell.js";
import { recall, remember } from "./storage.js";
import { progressToast, toast, toastError } from "./toast.js";

/** @import {ArchiveRequest, ArchiveState, ExportFormat} from "./types.js" */

const POLL_MS = 5000;
/** The archives that were asked for here and not fetched yet; other tabs know them too. */
const WANTED = "archives";
const KEPT = 409;

/** @type {Set<string>} the archives whose progress is shown */
const followed = new Set();
/** @type {Set<string>} those of which somebody was told here that they are ready */
const offered = new Set();

/**
 * Offer pictures as one zip, and download it in the format that is chosen.
 *
 * @param {ArchiveRequest} request `{images: [names]}` or `{board: id | "none" | "all"}`
 * @param {HTMLElement} anchor what the menu opens beside
 */
export function offerArchive(request, anchor) {
  openMenu(byId("download-menu", HTMLElement), anchor, (item) => {
    const format = /** @type {ExportFormat} */ (item.dataset.format);
    void downloadArchive({ ...request, format });
  });
}

/**
 * Download pictures as one zip: at once if they are few, and when it is made if they are many.
 *
 * @param {ArchiveRequest} request
 */
export async function downloadArchive(request) {
  try {
    const archive = await createArchive(request);
    if (archive.status === "ready") fetchFile(archive);
    else {
      setWanted([...wanted(), archive.id]);
      follow(archive, { onReady: fetchFile });
    }
  } catch (error) {
    if (error instanceof ApiError && error.status === KEPT) offerRoom(error, request);
    else toastError(error);
  }
}

/**
 * Take up what an earlier page asked for: show what is being made, offer what is ready.
 *
 * For a page to call once when it opens.
 */
export async function resumeArchives() {
  try {
    const { results } = await listArchives();
    const known = wanted();
    for (const archive of results.reverse()) {
      if (isOpen(archive)) follow(archive, { onReady: offer });
      else if (archive.status === "ready" && known.includes(archive.id)) offer(archive);
    }
    // What has expired or failed is wanted no more.
    setWanted(known.filter((id) => results.some((one) => one.id === id && one.status !== "failed")));
  } catch (error) {
    // Nobody asked for it just now: what is not shown here comes with the next page.
    console.warn(error);
  }
}

/** @param {ArchiveState} archive */
function isOpen({ status }) {
  return status === "waiting" || status === "running";
}

/**
 * @param {ArchiveState} archive
 * @param {{onReady: (archive: ArchiveState) => void}} options
 */
function follow(archive, { onReady }) {
  const { id } = archive;
  if (followed.has(id)) return;
  const shown = progressToast(stageOf(archive), { cancel: () => void giveUp() });
  const timer = setInterval(() => getArchive(id).then(take, lose), POLL_MS);

  const deafen = socket.listen({
    onEvent(event) {
      if (event.type === "archive" && event.id === id) take(event);
    },
  });

  function leave() {
    clearInterval(timer);
    deafen();
    followed.delete(id);
    shown.remove();
  }

  /** @param {ArchiveState} state */
  function take(state) {
    // An answer may be on its way still when the last event has come.
    if (!followed.has(id)) return;
    if (isOpen(state)) {
      shown.tell(stageOf(state));
      return;
    }
    leave();
    if (state.status === "ready") onReady(state);
    else fail(state);
  }

  /** @param {unknown} error */
  function lose(error) {
    if (!(error instanceof ApiError) || error.status !== 404) return;
    // Another page has cancelled it.
    leave();
    forget(id);
  }

  async function giveUp() {
    leave();
    forget(id);
    try {
      await deleteArchive(id);
      toast(gettext("The download is cancelled."));
    } catch (error) {
      toastError(error);
    }
  }

  followed.add(id);
  take(archive);
}

/** @param {ArchiveState} archive */
function fail({ id }) {
  forget(id);
  getArchive(id).then(
    ({ detail, error_id }) => toast(detail, { kind: "error", errorId: error_id || undefined }),
    toastError,
  );
}

/** @param {ArchiveState} archive */
function stageOf({ status, done, total }) {
  const numbers = { done: formatNumber(done), total: formatNumber(total) };
  if (status === "waiting") {
    const detail = fill(ngettext("%(total)s picture", "%(total)s pictures", total), numbers);
    return { text: gettext("Waiting to be packed"), detail, total };
  }
  const detail = fill(gettext("%(done)s of %(total)s"), numbers);
  return { text: gettext("Packing pictures"), detail, done, total };
}

/** @param {ArchiveState} archive */
function fetchFile({ id, url }) {
  if (!url) return;
  forget(id);
  const link = make("a", { href: url, download: "", hidden: "" });
  document.body.append(link);
  link.click();
  link.remove();
  announce(gettext("The download has begun."));
}

/**
 * Offer a file rather than fetch it: several pages may have been waiting for it.
 *
 * @param {ArchiveState} archive
 */
function offer(archive) {
  if (offered.has(archive.id)) return;
  offered.add(archive.id);
  toast(gettext("Your pictures are packed."), {
    act: { text: gettext("Download"), run: () => fetchFile(archive) },
    stays: true,
  });
}

/**
 * Say that as many archives as are kept are there, and offer to remove the oldest.
 *
 * @param {ApiError} error
 * @param {ArchiveRequest} request
 */
function offerRoom(error, request) {
  const replaceOldest = async () => {
    try {
      const { results } = await listArchives();
      const oldest = results.filter((one) => !one.is_streamed && one.status !== "failed").at(-1);
      if (oldest) await deleteArchive(oldest.id);
      await downloadArchive(request);
    } catch (problem) {
      toastError(problem);
    }
  };
  const act = { text: gettext("Remove the oldest"), run: () => void replaceOldest() };
  toast(error.message, { kind: "error", errorId: error.errorId, act });
}

/** @returns {string[]} */
function wanted() {
  return (recall(WANTED) ?? "").split(" ").filter(Boolean);
}

/** @param {string[]} ids */
function setWanted(ids) {
  remember(WANTED, ids.length ? ids.join(" ") : null);
}

/** @param {string} id */
function forget(id) {
  setWanted(wanted().filter((one) => one !== id));
}
