// @ts-check
/** Looking closely at pictures: wheel, pinch, drag, double click, and steps for keys. */

const MOST = 16;
const STEP = 1.5;

export class Zoom {
  #frame;
  #pictures;
  #onChange;
  #scale = 1;
  #x = 0;
  #y = 0;
  /** @type {Map<number, {x: number, y: number}>} */
  #pointers = new Map();
  #gone = new AbortController();

  /**
   * @param {HTMLElement} frame
   * @param {HTMLElement[]} pictures in the middle of it, all zoomed alike
   * @param {(scale: number) => void} [onChange]
   */
  constructor(frame, pictures, onChange = () => undefined) {
    this.#frame = frame;
    this.#pictures = pictures;
    this.#onChange = onChange;
    const { signal } = this.#gone;
    frame.addEventListener("wheel", (event) => this.#wheel(event), { passive: false, signal });
    frame.addEventListener("pointerdown", (event) => this.#press(event), { signal });
    frame.addEventListener("pointermove", (event) => this.#drag(event), { signal });
    for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) {
      frame.addEventListener(end, (event) => this.#release(event), { signal });
    }
    frame.addEventListener("dblclick", (event) => this.#toggle(event), { signal });
    this.#show();
  }

  close() {
    this.#gone.abort();
    for (const picture of this.#pictures) picture.style.transform = "";
    delete this.#frame.dataset.zoomed;
  }

  /** @param {"in" | "out" | "fit"} way */
  step(way) {
    if (way === "fit") this.#set(1, 0, 0);
    else {
      const { left, top, width, height } = this.#frame.getBoundingClientRect();
      this.#zoomAt(way === "in" ? STEP : 1 / STEP, left + width / 2, top + height / 2);
    }
  }

  /**
   * Take a key that means a zoom.
   *
   * @param {string} key
   * @returns {boolean} whether it is one
   */
  press(key) {
    const way = /** @type {Record<string, "in" | "out" | "fit">} */ ({
      "+": "in",
      "=": "in",
      "-": "out",
      0: "fit",
    })[key];
    if (way) this.step(way);
    return way !== undefined;
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    event.preventDefault();
    // A pinch on a trackpad comes as a wheel with Ctrl, in small steps.
    const speed = event.ctrlKey ? 0.01 : 0.002;
    this.#zoomAt(Math.exp(-event.deltaY * speed), event.clientX, event.clientY);
  }

  /** @param {MouseEvent} event */
  #toggle(event) {
    if (isControl(event.target)) return;
    if (this.#scale > 1) this.step("fit");
    else this.#zoomAt(2.5, event.clientX, event.clientY);
  }

  /** @param {PointerEvent} event */
  #press(event) {
    if (isControl(event.target) || event.button !== 0) return;
    this.#pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.#scale > 1 || this.#pointers.size > 1) this.#frame.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  #drag(event) {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.#pointers.set(event.pointerId, now);
    if (other) {
      const ratio = distance(now, other) / Math.max(1, distance(before, other));
      this.#zoomAt(ratio, (now.x + other.x) / 2, (now.y + other.y) / 2);
      // Each finger moves the middle by half.
      this.#set(this.#scale, this.#x + (now.x - before.x) / 2, this.#y + (now.y - before.y) / 2);
    } else if (this.#scale > 1) {
      this.#set(this.#scale, this.#x + now.x - before.x, this.#y + now.y - before.y);
    }
  }

  /** @param {PointerEvent} event */
  #release(event) {
    this.#pointers.delete(event.pointerId);
  }

  /**
   * Zoom so that what is at a point of the screen stays there.
   *
   * @param {number} factor
   * @param {number} clientX
   * @param {number} clientY
   */
  #zoomAt(factor, clientX, clientY) {
    const { left, top, width, height } = this.#frame.getBoundingClientRect();
    const scale = Math.min(MOST, Math.max(1, this.#scale * factor));
    const across = clientX - left - width / 2;
    const down = clientY - top - height / 2;
    const ratio = scale / this.#scale;
    this.#set(scale, across - (across - this.#x) * ratio, down - (down - this.#y) * ratio);
  }

  /**
   * @param {number} scale
   * @param {number} x
   * @param {number} y
   */
  #set(scale, x, y) {
    const { width, height } = this.#frame.getBoundingClientRect();
    const [right, bottom] = [(width * (scale - 1)) / 2, (height * (scale - 1)) / 2];
    this.#scale = scale;
    this.#x = Math.min(right, Math.max(-right, x));
    this.#y = Math.min(bottom, Math.max(-bottom, y));
    this.#show();
  }

  #show() {
    const place = `translate(${this.#x}px, ${this.#y}px) scale(${this.#scale})`;
    for (const picture of this.#pictures) {
      picture.style.transform = this.#scale === 1 ? "" : place;
    }
    this.#frame.dataset.zoomed = String(this.#scale > 1);
    this.#onChange(this.#scale);
  }
}

/**
 * @param {{x: number, y: number}} a
 * @param {{x: number, y: number}} b
 */
function distance(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

/** @param {EventTarget | null} target */
function isControl(target) {
  return target instanceof Element && target.closest("a, button, input, .compare__line") !== null;
}
