// @ts-check
// A line of numbers that matter: name, value with unit, interval. A click asks how it changes.

import { make } from "../tools/shared.js";

/**
 * @typedef {{name: string, value: string, interval: string, about: string, opens: boolean}} Card
 *
 * @param {{model: import("../tools/shared.js").PageModel<never, {name: string}> & {cards: Card[]}}} place
 */
export function render({ model }) {
  const line = make("div", "cards", "", { role: "list", "aria-label": "Measures" });
  const fill = () => {
    line.replaceChildren(
      ...model.cards.map(({ name, value, interval, about, opens }) => {
        const item = make("div", "", "", { role: "listitem" });
        const card = make(opens ? "button" : "div", "card", "", { title: about });
        if (opens) card.addEventListener("click", () => model.send_msg({ name }));
        card.append(make("span", "name", name), make("b", "", value), make("small", "", interval));
        item.append(card);
        return item;
      }),
    );
  };
  model.on("cards", fill);
  fill();
  return line;
}

export default { render };
