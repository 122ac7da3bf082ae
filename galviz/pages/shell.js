// @ts-check
// What a page keeps in the browser: its theme, also for other pages of this server, and the list of its keys.

import { button, isTyping, make } from "../tools/shared.js";

const THEME = "galviz-theme";
const FINDER = "Find an id  (/)"; // what stands in the field while it is empty
const NARROW = 900; // px; here the right drawer is shut too, until it is opened again
const SHOWN_MS = 8000;
const ROOMY = 1200; // px; on a narrower page the left drawer is shut at first

/** @type {[string, string][]} */
const KEYS = [
  ["/", "find an object by its id"],
  ["f", "enlarge the pane with the focus, or restore it (also a double-click on its tabs)"],
  ["Esc", "restore, close"],
  ["← →", "another object, on the page that explains"],
  ["← → Home End", "other tab, where a tab has the focus; move a bar between panes"],
  ["← → ↑ ↓ PgUp PgDn", "move through the gallery"],
  ["space", "select the object in the gallery; with shift and click: a range"],
  ["g b q", "label the object good, bad, unsure; u: undo"],
  ["b a", "picture: blink the bands; all bands, or one"],
  ["s r 0", "picture: contrast by dragging or arrows; undo it; the whole image"],
  ["n m i", "picture: north up; source markers; object information"],
  ["p c", "picture: aperture photometry, click or Enter places the aperture; copy pixel, coordinates and values"],
  ["?", "show or hide this list"],
];

/**
 * @typedef {object} Shell what Python and the browser share
 * @property {boolean} dark
 * @property {boolean} roomy
 * @property {boolean} narrow
 * @property {boolean} given whether the address names a theme
 * @property {(event: string, listener: (message: {text: string, kind: string}) => void) => void} on
 */

/** @param {{model: Shell}} place */
export function render({ model }) {
  const list = make("dialog", "", "", { "aria-label": "Keys" });
  const terms = make("dl");
  for (const [key, what] of KEYS) terms.append(make("dt", "", key), make("dd", "", what));
  list.append(
    make("h2", "", "Keys"),
    terms,
    button("Close", () => list.close()),
  );
  const show = () => (list.open ? list.close() : list.showModal());
  const help = button("?", show, { title: "Keys (?)" });
  help.setAttribute("aria-label", "Keys");

  model.on("dark", () => localStorage.setItem(THEME, model.dark ? "dark" : "light"));

  const key = (/** @type {KeyboardEvent} */ event) => {
    const at = event.composedPath()[0];
    if (at instanceof HTMLInputElement && at.placeholder === FINDER) return searched(event, at);
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
    if (event.key === "?") show();
    else if (event.key === "/") {
      const field = deep(document, `input[placeholder='${FINDER}']`);
      if (field instanceof HTMLInputElement) field.select();
      event.preventDefault();
    }
  };
  document.addEventListener("keydown", key);
  model.on("lifecycle:remove", () => window.removeEventListener("resize", fit));
  model.on("lifecycle:remove", () => document.removeEventListener("keydown", key));
  const toasts = make("div", "toasts");
  model.on("msg:custom", ({ text, kind }) => {
    const bad = kind === "bad";
    const box = make("div", `toast ${kind}`, "", { role: bad ? "alert" : "status" });
    const shut = button("×", () => box.remove(), { title: "Close" });
    shut.setAttribute("aria-label", "Close this message");
    box.append(make("span", "", text), shut);
    toasts.append(box);
    if (!bad) setTimeout(() => box.remove(), SHOWN_MS);
  });
  const whole = make("div");
  whole.append(help, list, toasts);
  const fit = () => {
    model.roomy = window.innerWidth >= ROOMY;
    model.narrow = window.innerWidth <= NARROW;
  };
  window.addEventListener("resize", fit);
  // The page around it does not hear of changes before it is drawn.
  const begin = () => {
    if (!whole.isConnected) return setTimeout(begin, 50);
    fit();
    const kept = localStorage.getItem(THEME);
    if (model.given) return;
    model.dark = kept === null ? matchMedia("(prefers-color-scheme: dark)").matches : kept === "dark";
    if (kept === null) localStorage.removeItem(THEME); // the system's choice, not the visitor's
  };
  setTimeout(begin, 50);
  return whole;
}

/**
 * Make the next id take the place of the last one.
 *
 * @param {KeyboardEvent} event
 * @param {HTMLInputElement} field of the search
 */
function searched(event, field) {
  const all = field.selectionEnd !== field.selectionStart && field.selectionEnd === field.value.length;
  if (event.key === "Enter") field.select();
  if (event.key === "Escape") field.blur();
  if (event.key === "/" && all) event.preventDefault(); // as from elsewhere on the page
}

/**
 * @param {Document | ShadowRoot} root
 * @param {string} selector
 * @returns {HTMLElement | null} the first such element, also in the shadow roots below
 */
function deep(root, selector) {
  const found = root.querySelector(selector);
  if (found instanceof HTMLElement) return found;
  for (const element of root.querySelectorAll("*")) {
    const below = element.shadowRoot && deep(element.shadowRoot, selector);
    if (below) return below;
  }
  return null;
}

export default { render };
