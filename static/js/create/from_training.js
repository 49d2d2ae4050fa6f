// @ts-check
/** What a link from a training asks for: its LoRA, the model it is for, the word that calls it. */

/** @import {Guides, Metadata} from "../types.js" */

/**
 * @param {URLSearchParams} query
 * @returns {(Metadata & Partial<Guides>) | null} settings as a picture has them
 */
export function trainedSettings(query) {
  const lora = query.get("lora");
  if (!lora) return null;
  return {
    model: query.get("model") ?? "",
    prompt: query.get("prompt") ?? "",
    loras: [{ model: lora, weight: 1 }],
  };
}
