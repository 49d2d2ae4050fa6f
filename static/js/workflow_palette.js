// @ts-check
/** Which declared ports fit each other. */

/** @import {DeclaredNode, Palette} from "./workflow_types.js" */

/**
 * @param {Palette} palette
 * @param {string} output the type that comes
 * @param {string} input the type that is wanted
 * @returns {boolean}
 */
export function accepts({ types }, output, input) {
  return output === input || (types[input]?.accepts.includes(output) ?? false);
}

/**
 * @param {Palette} palette
 * @param {DeclaredNode} node
 * @param {{type: string, side: "in" | "out"}} port of another node
 * @returns {string[]} the names of what it may be linked to
 */
export function fittingPorts(palette, { inputs, outputs }, { type, side }) {
  const fitting =
    side === "out"
      ? inputs.filter((input) => input.takes !== "value" && accepts(palette, type, input.type))
      : outputs.filter((output) => accepts(palette, output.type, type));
  return fitting.map(({ name }) => name);
}
