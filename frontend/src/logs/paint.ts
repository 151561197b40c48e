// Styled text as DOM nodes: text nodes and class names, nothing else. The only place that draws log text.

import { el } from "../ui/dom";
import { classes, PLAIN, parse, type Style } from "./ansi";

/** Fills `target` with one line; returns the style in which the next line of its stream begins. */
export function paint(target: HTMLElement, line: string, from: Style = PLAIN): Style {
  const { pieces, style } = parse(line, from);
  target.replaceChildren(
    ...pieces.map((piece) => {
      const names = classes(piece.style);
      return names === "" ? piece.text : el("span", { class: names }, piece.text);
    }),
  );
  return style;
}
