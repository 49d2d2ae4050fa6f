// @ts-check
/** What the JSON API offers to share boards. */

import { send } from "./api.js";

/**
 * Make a link to a board, and withdraw the one there was.
 *
 * @param {string} board
 * @returns {Promise<string>} its address, which is told this once
 */
export async function createBoardLink(board) {
  const response = await send(`${boardPath(board)}/link`, { method: "POST" });
  return /** @type {{url: string}} */ (await response.json()).url;
}

/** @param {string} board */
export async function withdrawBoardLink(board) {
  await send(`${boardPath(board)}/link`, { method: "DELETE" });
}

/**
 * @param {string} board
 * @param {string} email
 * @param {string} role
 */
export async function addBoardMember(board, email, role) {
  await sendJson("POST", `${boardPath(board)}/members`, { email, role });
}

/**
 * @param {string} board
 * @param {string} member
 * @param {string} role
 */
export async function changeBoardMember(board, member, role) {
  await sendJson("PATCH", `${boardPath(board)}/members/${encodeURIComponent(member)}`, { role });
}

/**
 * @param {string} board
 * @param {string} member
 */
export async function removeBoardMember(board, member) {
  const path = `${boardPath(board)}/members/${encodeURIComponent(member)}`;
  await send(path, { method: "DELETE" });
}

/**
 * @param {string} board
 * @param {boolean} shown
 */
export async function showBoardPrompts(board, shown) {
  await sendJson("PATCH", boardPath(board), { shows_prompts: shown });
}

/** @param {string} board */
function boardPath(board) {
  return `/api/v1/boards/${encodeURIComponent(board)}`;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} body
 */
async function sendJson(method, path, body) {
  const headers = { "Content-Type": "application/json" };
  await send(path, { method, headers, body: JSON.stringify(body) });
}
