// @ts-check
/** Points and rectangles, in pixels of the document unless said otherwise. */

/** @typedef {{x: number, y: number}} Point */
/** @typedef {{x: number, y: number, width: number, height: number}} Rect */

/**
 * @param {Rect} a
 * @param {Rect} b
 * @returns {Rect} the smallest that holds both; one without an area counts for nothing
 */
export function union(a, b) {
  if (a.width <= 0 || a.height <= 0) return { ...b };
  if (b.width <= 0 || b.height <= 0) return { ...a };
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  return {
    x,
    y,
    width: Math.max(a.x + a.width, b.x + b.width) - x,
    height: Math.max(a.y + a.height, b.y + b.height) - y,
  };
}

/**
 * @param {Rect} a
 * @param {Rect} b
 * @returns {Rect | null} what lies in both
 */
export function intersection(a, b) {
  const x = Math.max(a.x, b.x);
  const y = Math.max(a.y, b.y);
  const width = Math.min(a.x + a.width, b.x + b.width) - x;
  const height = Math.min(a.y + a.height, b.y + b.height) - y;
  return width > 0 && height > 0 ? { x, y, width, height } : null;
}

/**
 * @param {Rect} rect
 * @param {number} [by] more on every side
 * @returns {Rect} in whole pixels that holds it
 */
export function outward(rect, by = 0) {
  const x = Math.floor(rect.x - by);
  const y = Math.floor(rect.y - by);
  return {
    x,
    y,
    width: Math.ceil(rect.x + rect.width + by) - x,
    height: Math.ceil(rect.y + rect.height + by) - y,
  };
}

/**
 * @param {Rect} rect
 * @param {Point} by
 * @returns {Rect}
 */
export function shifted(rect, by) {
  return { x: rect.x + by.x, y: rect.y + by.y, width: rect.width, height: rect.height };
}

/**
 * @param {Rect} rect
 * @param {Point} point
 */
export function holds(rect, point) {
  return (
    point.x >= rect.x &&
    point.y >= rect.y &&
    point.x < rect.x + rect.width &&
    point.y < rect.y + rect.height
  );
}

/**
 * @param {Rect} a
 * @param {Rect} b
 */
export function isSame(a, b) {
  return a.x === b.x && a.y === b.y && a.width === b.width && a.height === b.height;
}

/**
 * @param {Point[]} points at least one
 * @returns {Rect} that they span
 */
export function spanned(points) {
  const across = points.map(({ x }) => x);
  const down = points.map(({ y }) => y);
  const x = Math.min(...across);
  const y = Math.min(...down);
  return { x, y, width: Math.max(...across) - x, height: Math.max(...down) - y };
}
