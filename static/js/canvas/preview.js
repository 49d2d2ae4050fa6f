// @ts-check
/** A small picture of a whole canvas for the list, drawn from small pictures of its layers. */

/** @import {DocumentRecord} from "./document.js" */

const LONGEST = 480;

export class Preview {
  /** @type {Map<string, ImageBitmap>} */
  #layers = new Map();

  /**
   * @param {string} id of a layer
   * @param {Blob | ImageBitmap} pixels
   */
  async keep(id, pixels) {
    const whole = pixels instanceof Blob ? await createImageBitmap(pixels) : pixels;
    const scale = Math.min(1, LONGEST / Math.max(whole.width, whole.height));
    const small = await createImageBitmap(whole, {
      resizeWidth: Math.max(1, Math.round(whole.width * scale)),
      resizeHeight: Math.max(1, Math.round(whole.height * scale)),
      resizeQuality: "medium",
    });
    if (pixels instanceof Blob) whole.close();
    this.#layers.get(id)?.close();
    this.#layers.set(id, small);
  }

  /**
   * @param {DocumentRecord} document
   * @returns {Promise<Blob>} a PNG
   */
  draw({ width, height, layers }) {
    const scale = Math.min(1, LONGEST / Math.max(width, height));
    const size = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
    const canvas = new OffscreenCanvas(size[0] ?? 1, size[1] ?? 1);
    const context = canvas.getContext("2d");
    for (const layer of layers) {
      const pixels = this.#layers.get(layer.id);
      if (!context || !pixels || !layer.visible || layer.kind !== "picture" || !layer.image) continue;
      context.globalAlpha = layer.opacity;
      const { x, y } = layer;
      const place = /** @type {const} */ ([x, y, layer.width, layer.height]).map(
        (value) => value * scale,
      );
      context.drawImage(pixels, place[0] ?? 0, place[1] ?? 0, place[2] ?? 1, place[3] ?? 1);
    }
    return canvas.convertToBlob({ type: "image/png" });
  }

  close() {
    for (const pixels of this.#layers.values()) pixels.close();
    this.#layers.clear();
  }
}
