// The output of one build step: lines in a bounded list that follows its end.

import { PLAIN, type Style } from "../logs/ansi";
import { paint } from "../logs/paint";
import { el } from "../ui/dom";
import { Lines } from "./lines";

const LINES_MOST = 3000;
const AT_END = 16;

/** Draws output into the `data-out` element of a step. */
export class Output {
  #place: HTMLElement;
  #lines = new Lines();
  #last = new Map<string, { node: HTMLElement; text: string; style: Style }>();

  constructor(place: HTMLElement) {
    this.#place = place;
    place.tabIndex = 0;
    // What the server rendered has its escapes as text: colour it too.
    for (const line of place.querySelectorAll<HTMLElement>(".log-line > span"))
      paint(line, line.textContent ?? "");
  }

  /** Takes a piece of one stream. */
  add(stream: string, text: string): void {
    const cut = this.#lines.cut(stream, text);
    if (!cut) return;
    const place = this.#place;
    const following = place.scrollHeight - place.clientHeight - place.scrollTop <= AT_END;
    const last = this.#last.get(stream);
    if (cut.joins && last) {
      last.text += cut.first;
      paint(last.node, last.text, last.style);
    } else this.#line(stream, cut.first);
    for (const line of cut.rest) this.#line(stream, line);
    while (place.childElementCount > LINES_MOST) place.firstElementChild?.remove();
    if (following) place.scrollTop = place.scrollHeight;
  }

  #line(stream: string, text: string): void {
    const before = this.#last.get(stream);
    const style = before ? paint(before.node, before.text, before.style) : PLAIN;
    const node = el("span");
    paint(node, text, style);
    this.#last.set(stream, { node, text, style });
    this.#place.append(el("div", { class: "log-line", "data-stream": stream }, node));
  }
}
