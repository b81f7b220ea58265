/**
 * Finds the element of an ID.
 *
 * @param {string} id
 * @returns {any}
 */
export function find(id) {
  return document.getElementById(id);
}

/**
 * Makes an element. What it holds is text or elements; text is never read as markup.
 *
 * @param {string} tag
 * @param {Record<string, string>} attributes
 * @param {(Node | string)[]} content
 */
export function element(tag, attributes = {}, ...content) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    made.setAttribute(name, value);
  }
  made.append(...content);
  return made;
}

/**
 * Adds to the end of a list, which keeps no more than `max`.
 *
 * @param {HTMLElement} list
 * @param {HTMLElement} item
 * @param {number} max
 */
export function append(list, item, max) {
  list.append(item);
  if (list.children.length > max) list.firstElementChild.remove();
}

/** @param {number} at Milliseconds since 1970. */
export function time(at) {
  const date = new Date(at);
  const text = date.toLocaleTimeString([], { hour12: false });
  return element("time", { datetime: date.toISOString() }, text);
}
