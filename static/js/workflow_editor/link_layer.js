// @ts-check
/** The links as they are seen: curves from port to port. */

const SPACE = "http://www.w3.org/2000/svg";

/** @import {Point} from "../canvas/geometry.js" */

/**
 * @param {Point} from an output, which a link leaves to the right
 * @param {Point} to an input, which it comes to from the left
 * @returns {string} the path of a curve
 */
export function curve(from, to) {
  const across = to.x - from.x;
  // One that goes back swings wide enough to be seen as one.
  const reach = across >= 0 ? Math.max(28, across / 2) : Math.min(160, 48 - across / 3);
  const [x1, y1, x2, y2] = [from.x, from.y, to.x, to.y].map((part) => Math.round(part * 10) / 10);
  return `M${x1} ${y1} C${(x1 ?? 0) + reach} ${y1} ${(x2 ?? 0) - reach} ${y2} ${x2} ${y2}`;
}

export class LinkLayer {
  /** @type {Map<string, {group: SVGGElement, lines: SVGPathElement[]}>} by the input it leads to */
  #links = new Map();
  #svg;

  /** @param {SVGSVGElement} svg */
  constructor(svg) {
    this.#svg = svg;
  }

  /**
   * @param {string} key
   * @param {string} type of what flows in it
   * @param {Point} from
   * @param {Point} to
   */
  draw(key, type, from, to) {
    const link = this.#links.get(key) ?? this.#make(key);
    if (link.group.dataset.type !== type) link.group.dataset.type = type;
    const path = curve(from, to);
    for (const line of link.lines) line.setAttribute("d", path);
  }

  /** @param {string} key */
  remove(key) {
    this.#links.get(key)?.group.remove();
    this.#links.delete(key);
  }

  /** @param {string | null} key of the link that is chosen */
  choose(key) {
    for (const [one, { group }] of this.#links) group.toggleAttribute("data-chosen", one === key);
  }

  /**
   * @param {string} key
   * @param {boolean} isFlowing whether its node is at work
   */
  flow(key, isFlowing) {
    this.#links.get(key)?.group.toggleAttribute("data-flowing", isFlowing);
  }

  /** @param {string} key */
  #make(key) {
    const group = document.createElementNS(SPACE, "g");
    group.setAttribute("class", "link");
    group.dataset.link = key;
    const lines = ["link__line", "link__hit"].map((name) => {
      const line = document.createElementNS(SPACE, "path");
      line.setAttribute("class", name);
      return line;
    });
    group.append(...lines);
    this.#svg.append(group);
    const link = { group, lines };
    this.#links.set(key, link);
    return link;
  }
}
