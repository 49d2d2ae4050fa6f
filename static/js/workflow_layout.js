// @ts-check
/** Places for nodes so that links go from left to right and nothing lies over something else. */

/**
 * @typedef {object} Box
 * @property {string} id
 * @property {number} y where it was: what was above stays above where it can
 * @property {number} width
 * @property {number} height
 *
 * @typedef {[string, string]} Pair from and to
 */

const ACROSS = 96;
const DOWN = 32;
const SWEEPS = 6;

/**
 * Lay nodes out in layers, as Sugiyama does: longest paths, then fewer crossings by barycentres.
 *
 * @param {Box[]} boxes
 * @param {Pair[]} links without a circle
 * @param {(value: number) => number} snap to the grid
 * @returns {Map<string, [number, number]>} the upper left corners, from 0, 0 on
 */
export function layOut(boxes, links, snap) {
  /** @type {Map<string, [number, number]>} */
  const places = new Map();
  let top = 0;
  for (const part of partsOf(boxes, links)) {
    const layers = layersOf(part, links);
    order(layers, links);
    const height = Math.max(...layers.map(heightOf));
    let left = 0;
    for (const layer of layers) {
      let y = top + (height - heightOf(layer)) / 2;
      for (const box of layer) {
        places.set(box.id, [snap(left), snap(y)]);
        y += box.height + DOWN;
      }
      left += Math.max(...layer.map(({ width }) => width)) + ACROSS;
    }
    top += height + 2 * DOWN;
  }
  return places;
}

/** @param {Box[]} layer */
function heightOf(layer) {
  return layer.reduce((sum, { height }) => sum + height + DOWN, -DOWN);
}

/**
 * @param {Box[]} boxes
 * @param {Pair[]} links
 * @returns {Box[][]} what hangs together, the largest first; what is linked to nothing last
 */
function partsOf(boxes, links) {
  const near = Map.groupBy([...links, ...links.map(([a, b]) => /** @type {Pair} */ ([b, a]))], ([from]) => from);
  const left = new Map(boxes.map((box) => [box.id, box]));
  /** @type {Box[][]} */
  const parts = [];
  for (const { id } of boxes) {
    if (!left.has(id)) continue;
    const found = new Set([id]);
    for (const one of found) for (const [, other] of near.get(one) ?? []) found.add(other);
    parts.push([...found].flatMap((one) => left.get(one) ?? []));
    for (const one of found) left.delete(one);
  }
  const linked = parts.filter((part) => part.length > 1).sort((a, b) => b.length - a.length);
  const single = parts.filter((part) => part.length === 1).flat();
  return single.length ? [...linked, single] : linked;
}

/**
 * @param {Box[]} part
 * @param {Pair[]} links
 * @returns {Box[][]} from left to right
 */
function layersOf(part, links) {
  const ids = new Set(part.map(({ id }) => id));
  const own = links.filter(([from, to]) => ids.has(from) && ids.has(to));
  // What is linked to nothing stands in one row.
  if (!own.length) return part.map((box) => [box]);
  const sources = Map.groupBy(own, ([, to]) => to);
  const targets = Map.groupBy(own, ([from]) => from);
  /** @type {Map<string, number>} */
  const depths = new Map();
  /**
   * @param {string} id
   * @returns {number} the length of the longest way to it
   */
  function depthOf(id) {
    const known = depths.get(id);
    if (known !== undefined) return known;
    depths.set(id, 0);
    const depth = Math.max(-1, ...(sources.get(id) ?? []).map(([from]) => depthOf(from))) + 1;
    depths.set(id, depth);
    return depth;
  }
  for (const { id } of part) depthOf(id);
  // What begins a way stands beside what it is for.
  for (const { id } of part) {
    const next = (targets.get(id) ?? []).map(([, to]) => depths.get(to) ?? 0);
    if (!sources.has(id) && next.length) depths.set(id, Math.min(...next) - 1);
  }
  const layers = Map.groupBy(part, ({ id }) => depths.get(id) ?? 0);
  return [...layers].sort(([a], [b]) => a - b).map(([, layer]) => layer.sort((a, b) => a.y - b.y));
}

/**
 * Bring each layer into an order with few crossings.
 *
 * @param {Box[][]} layers
 * @param {Pair[]} links
 */
function order(layers, links) {
  const places = new Map();
  const note = (/** @type {Box[]} */ layer) => {
    for (const [index, { id }] of layer.entries()) places.set(id, (index + 0.5) / layer.length);
  };
  for (const layer of layers) note(layer);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const isForward = sweep % 2 === 0;
    for (const layer of isForward ? layers : layers.toReversed()) {
      const centres = new Map(
        layer.map(({ id }) => {
          const near = links.flatMap(([from, to]) => {
            if (isForward) return to === id ? places.get(from) ?? [] : [];
            return from === id ? places.get(to) ?? [] : [];
          });
          const sum = near.reduce((total, place) => total + place, 0);
          return [id, near.length ? sum / near.length : places.get(id)];
        }),
      );
      layer.sort((a, b) => centres.get(a.id) - centres.get(b.id));
      note(layer);
    }
  }
}
