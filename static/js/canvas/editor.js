// @ts-check
/** The canvas editor, as the page around it sees it. */

import { Desk } from "./desk.js";
import { CanvasDocument } from "./document.js";
import { find } from "./elements.js";
import { layerIn, paintedAnewIn, pictureIn, toPng, uncoveredIn } from "./flatten.js";
import { isSame } from "./geometry.js";
import { Imports } from "./imports.js";
import { startKeys } from "./keys.js";
import { LayerPanel } from "./layer_panel.js";
import { Pointer } from "./pointer.js";
import { StagingBar } from "./staging_bar.js";
import { ToolBar } from "./tool_bar.js";
import { BoxTool } from "./tools/box.js";
import { BrushTool } from "./tools/brush.js";
import { HandTool, MoveTool, PickerTool } from "./tools/move.js";
import { ShapeTool } from "./tools/shape.js";

/** @import {PageLife} from "../page.js" */
/** @import {Change, Limits} from "./desk.js" */
/** @import {DocumentRecord, LayerRecord} from "./document.js" */
/** @import {Size, Uncovered} from "./flatten.js" */
/** @import {Rect} from "./geometry.js" */
/** @import {Candidate} from "./staging.js" */

/**
 * @typedef {object} Reading what was read for the save that is under way
 * @property {symbol} state
 * @property {Set<string>} ids of all layers that there were
 * @property {Map<string, {revision: symbol, frame: Rect}>} pixels of the changed ones
 */

export class CanvasEditor {
  #desk;
  /** The state that the server has. */
  #savedState;
  /** @type {Reading} */
  #saving;

  /**
   * @param {HTMLElement} root as `dashboard/partials/canvas_editor.html` has it
   * @param {PageLife} life
   */
  constructor(root, life) {
    const desk = new Desk(root, life);
    this.#desk = desk;
    this.#savedState = desk.history.state;
    this.#saving = { state: desk.history.state, ids: new Set(), pixels: new Map() };
    const tools = [
      new BrushTool(desk, "brush"),
      new BrushTool(desk, "eraser"),
      new ShapeTool(desk, "lasso"),
      new ShapeTool(desk, "rectangle"),
      new BrushTool(desk, "paint"),
      new PickerTool(desk),
      new MoveTool(desk),
      new BoxTool(desk),
      new HandTool(),
    ];
    const stage = find(root, "[data-part=stage]", HTMLElement);
    const area = find(root, "[data-part=overlay]", HTMLElement);
    const cursor = find(root, "[data-part=cursor]", HTMLElement);
    const pointer = new Pointer(desk, { area, stage, cursor }, life);
    const bar = new ToolBar(desk, root, tools, life);
    const imports = new Imports(desk, root, life);
    const panel = new LayerPanel(desk, root, imports, life);
    new StagingBar(desk, root, life);
    startKeys({ desk, stage, bar, panel, pointer }, life);
    bar.choose("brush");
  }

  /**
   * Put a document in place of the one that is there.
   *
   * @param {DocumentRecord} record
   * @param {(layer: LayerRecord) => Promise<ImageBitmap | null>} readLayer gets the pixels of
   *   each layer whose `image` is not null
   */
  async open(record, readLayer) {
    const read = await CanvasDocument.read(record, readLayer);
    this.#desk.replace(read);
    this.#savedState = this.#desk.history.state;
    this.#saving = { state: this.#savedState, ids: new Set(), pixels: new Map() };
  }

  /**
   * @param {Record<string, string>} [names] of pixels that were read by `changedLayers` and are
   *   with the server by now
   * @returns {DocumentRecord} what the server may keep: pixels it lacks are not named
   */
  toJSON(names = {}) {
    const { document } = this.#desk;
    const record = document.toRecord();
    for (const each of record.layers) {
      const image = names[each.id];
      const layer = document.layer(each.id);
      const read = this.#saving.pixels.get(each.id);
      if (!image || !layer || !read) continue;
      const { x, y, width, height } = read.frame;
      Object.assign(each, { image, x: layer.x + x, y: layer.y + y, width, height });
    }
    return record;
  }

  /**
   * Begin a save.
   *
   * @returns {{id: string, toBlob(): Promise<Blob>}[]} the layers whose pixels the server lacks,
   *   as they are now
   */
  changedLayers() {
    const { document, history } = this.#desk;
    const changed = document.layers.filter((layer) => layer.isChanged(document.save));
    const reads = changed.map(({ id, revision, frame }) => /** @type {const} */ ([id, { revision, frame }]));
    const ids = new Set(document.layers.map(({ id }) => id));
    this.#saving = { state: history.state, ids, pixels: new Map(reads) };
    return changed.map((layer) => {
      const flat = layer.flat();
      return { id: layer.id, toBlob: () => flat.convertToBlob({ type: "image/png" }) };
    });
  }

  /**
   * End a save: the server has what `changedLayers` read.
   *
   * @param {Record<string, string>} names what it calls the pixels of the layers
   */
  markSaved(names) {
    const { document } = this.#desk;
    document.save += 1;
    for (const layer of document.layers) {
      const image = names[layer.id];
      const read = this.#saving.pixels.get(layer.id);
      const isKept = this.#saving.ids.has(layer.id) && layer.saved?.save === document.save - 1;
      if (image && read) layer.saved = { image, ...read, save: document.save };
      else if (layer.saved && isKept) layer.saved.save = document.save;
    }
    this.#savedState = this.#saving.state;
  }

  /** Whether something was changed since the last save. */
  get isDirty() {
    return this.#desk.history.state !== this.#savedState;
  }

  /** @returns {Rect} what is painted anew, in the document */
  get box() {
    return { ...this.#desk.document.box };
  }

  /** @returns {Rect} where the box is seen, in CSS pixels of the stage */
  get boxInWindow() {
    return this.#desk.view.toWindow(this.#desk.document.box);
  }

  /** @param {Limits} limits of the sides of the box, as the model wants it; no step of its own */
  setLimits(limits) {
    this.#desk.limits = { ...limits };
    const before = this.#desk.document.box;
    const after = this.#desk.boxAt(before);
    if (!isSame(before, after)) this.#desk.showBox(after);
  }

  /**
   * @param {Size} [size] the box's own if it is left out, as in the functions below
   * @returns {Promise<Blob>} the visible pictures in the box, a PNG that is clear where none is
   */
  pictureInBox(size = this.box) {
    return toPng(pictureIn(this.#desk.document, this.box), size);
  }

  /** @returns {Uncovered} */
  uncoveredInBox() {
    return uncoveredIn(this.#desk.document, this.box);
  }

  /**
   * @param {Size} [size]
   * @returns {Promise<Blob | null>} white where it is painted anew, by a mask or because no
   *   picture is there, on black; null if that is nowhere
   */
  async maskInBox(size = this.box) {
    const mask = paintedAnewIn(this.#desk.document, this.box);
    return mask && (await toPng(mask, size, "black"));
  }

  /**
   * @param {string} layerId
   * @param {Size} [size]
   * @returns {Promise<Blob>} that layer alone, on black
   */
  controlInBox(layerId, size = this.box) {
    const layer = this.#desk.document.layer(layerId);
    if (!layer) throw new RangeError(`No layer ${layerId}`);
    return toPng(layerIn(layer, this.box), size, "black");
  }

  /**
   * Show results to choose from; nothing else can be changed before a choice.
   *
   * @param {Candidate[]} candidates
   * @param {Rect} [place] the box that they were made for
   * @param {boolean} [clips] whether they count only where it is painted anew, if anything is
   *   masked; false for what was made without a mask
   */
  stage(candidates, place = this.box, clips = true) {
    this.#desk.staging.open(candidates, place, clips);
  }

  /**
   * Show a picture that is being made.
   *
   * @param {string} url
   * @param {Rect} [place] the box that it is made for
   */
  preview(url, place = this.box) {
    void this.#desk.staging.preview(url, place);
  }

  stopStaging() {
    this.#desk.staging.stop();
  }

  /**
   * @param {CanvasImageSource} bitmap
   * @param {{name: string} & Rect} place
   * @returns {string} the id of the new layer
   */
  addPicture(bitmap, place) {
    return this.#desk.acts.addPicture(bitmap, place).id;
  }

  undo() {
    this.#desk.undo();
  }

  redo() {
    this.#desk.redo();
  }

  /** @param {(change: Change) => void} listener */
  listen(listener) {
    this.#desk.listen(listener);
  }
}
