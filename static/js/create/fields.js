// @ts-check
/** Fields of the settings as the API takes them. */

/**
 * Read a field as the API takes it. What is no number goes as it is: the answer says so.
 *
 * @param {HTMLInputElement} field
 * @returns {number | string | undefined} undefined leaves the choice to the server
 */
export function valueOf(field) {
  // A number field that holds something else has no value to send, but must not pass as empty.
  if (field.validity.badInput) return "?";
  const text = field.value.trim();
  if (text === "") return undefined;
  return Number.isNaN(Number(text)) ? text : Number(text);
}

/**
 * @param {HTMLInputElement} field
 * @param {string | number | null | undefined} value what is not known leaves it as it is
 */
export function put(field, value) {
  if (value !== null && value !== undefined) field.value = String(value);
}
