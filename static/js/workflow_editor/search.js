// @ts-check
/** Which declared nodes are meant by some words. */

/** @import {DeclaredNode, Palette} from "../workflow_types.js" */

/** @typedef {{key: string, title: string, nodes: DeclaredNode[]}} Group */

/**
 * @param {Palette} palette
 * @param {string} words of which a node must have all
 * @param {(node: DeclaredNode) => boolean} [fits]
 * @returns {Group[]} those that have any, in their order; the best of a group first
 */
export function findNodes(palette, words, fits = () => true) {
  const wanted = words.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  return palette.categories
    .map(({ key, title }) => {
      const nodes = palette.nodes
        .filter((node) => node.category === key && fits(node))
        .map((node) => ({ node, rank: rankOf(node, title, wanted) }))
        .filter(({ rank }) => rank < Infinity)
        .sort((a, b) => a.rank - b.rank)
        .map(({ node }) => node);
      return { key, title, nodes };
    })
    .filter(({ nodes }) => nodes.length > 0);
}

/**
 * @param {DeclaredNode} node
 * @param {string} category
 * @param {string[]} wanted
 * @returns {number} 0 is best, Infinity is not meant
 */
function rankOf({ title, type, description }, category, wanted) {
  const name = title.toLocaleLowerCase();
  const text = `${name} ${type} ${description} ${category}`.toLocaleLowerCase();
  if (!wanted.every((word) => text.includes(word))) return Infinity;
  const [first = ""] = wanted;
  if (name.startsWith(first)) return 0;
  return name.includes(first) ? 1 : 2;
}
