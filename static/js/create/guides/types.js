/**
 * The shapes of what the parts of the guides work with. Types only.
 *
 * @import {Model} from "../../types.js"
 *
 * @typedef {object} ModelFacts what the catalog tells of a model of any kind
 * @property {string} kind
 * @property {string} base empty where it works beside all families
 * @property {string} base_name
 * @property {boolean} is_own
 * @property {boolean} is_enabled
 * @property {string} description
 * @property {string[]} tags
 * @property {string[]} trigger_words
 * @property {string | null} cover_url
 * @property {Record<string, unknown>} suggested
 * @property {string} preprocessor
 * @property {string} license
 * @property {boolean} commercial_use
 *
 * @typedef {Model & ModelFacts} FullModel
 *
 * @typedef {object} NumberFacts
 * @property {string} key
 * @property {string} name
 * @property {number} least
 * @property {number} most
 * @property {number} default
 * @property {boolean} whole
 *
 * @typedef {object} Preprocessor
 * @property {string} key
 * @property {string} name
 * @property {boolean} needs_depth_model
 * @property {NumberFacts[]} parameters
 *
 * @typedef {object} Family
 * @property {string} name
 * @property {Record<string, string>} lacks why, by capability
 * @property {Record<string, number>} limits
 * @property {Record<string, string[]>} takes by kind of model, the families whose models fit
 *
 * @typedef {object} Offers
 * @property {Record<string, Family>} families
 * @property {Record<string, number>} limits
 * @property {Preprocessor[]} preprocessors
 * @property {string[]} grid_fields
 *
 * @typedef {object} Axis
 * @property {string} field
 * @property {(string | number)[]} values
 * @property {string} [lora]
 *
 * @typedef {{x: Axis, y: Axis | null}} GridAxes
 */

export {};
