// Draws a bounded part of the buffer into a scrolling list. Pinned to the end it follows; scrolled up it
// stays to the pixel, whatever arrives. Drawing happens once a frame, however fast rows come.

import { el } from "../ui/dom";
import { clock } from "../ui/format";
import { PLAIN, type Style } from "./ansi";
import type { Buffer, Change, Row } from "./buffer";
import { paint } from "./paint";
import { grown, newer, older, type Range, tail } from "./window";

/** Distance from an edge, in pixels, at which further rows are drawn. */
const EDGE = 600;
const AT_END = 12;

/** The visible part of a log. */
export class Viewport {
  #list: HTMLElement;
  #buffer: Buffer;
  #range: Range = { from: 0, to: 0 };
  #styles = new Map<string, Style>();
  #pinned = true;
  #frame = 0;
  #grown = new Set<Row>();
  #changed: (pinned: boolean, hidden: number) => void;

  /** `changed` hears whether the view follows, and how many newer rows it does not show. */
  constructor(list: HTMLElement, buffer: Buffer, changed: (pinned: boolean, hidden: number) => void) {
    this.#list = list;
    this.#buffer = buffer;
    this.#changed = changed;
    list.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#pinned && this.#toEnd()).observe(list);
  }

  /** Rows came in. */
  update(change: Change): void {
    for (const row of change.grown) this.#grown.add(row);
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  /** Jumps to the newest row and follows from there. */
  follow(): void {
    this.#pinned = true;
    this.#show(tail(this.#buffer.first, this.#buffer.next));
    this.#toEnd();
    this.#report();
  }

  /** Starts over after the buffer was cleared. */
  reset(): void {
    this.#styles.clear();
    this.#list.replaceChildren();
    this.#range = { from: this.#buffer.first, to: this.#buffer.first };
    this.follow();
  }

  #draw(): void {
    this.#frame = 0;
    for (const row of this.#grown) this.#redraw(row);
    this.#grown.clear();
    this.#show(grown(this.#range, this.#buffer.first, this.#buffer.next, this.#pinned));
    if (this.#pinned) this.#toEnd();
    this.#report();
  }

  /** Makes the drawn rows be exactly `next`, reusing what both ranges share. */
  #show(next: Range): void {
    const list = this.#list;
    const now = this.#range;
    const overlap = next.from < now.to && now.from < next.to;
    if (!overlap) {
      list.replaceChildren(...this.#nodes(next.from, next.to));
    } else {
      for (let id = now.to; id > next.to; id -= 1) list.lastElementChild?.remove();
      for (let id = now.from; id < next.from; id += 1) list.firstElementChild?.remove();
      if (next.from < now.from) list.prepend(...this.#nodes(next.from, now.from));
      if (next.to > now.to) list.append(...this.#nodes(now.to, next.to));
    }
    this.#range = next;
  }

  #nodes(from: number, to: number): HTMLElement[] {
    return this.#buffer.slice(from, to).map((row) => this.#node(row));
  }

  #node(row: Row): HTMLElement {
    if (row.stream === "mark") return el("li", { class: "log-mark", "data-id": row.id }, row.text);
    const at = new Date(row.time);
    const text = el("span");
    const known = !Number.isNaN(at.getTime());
    const time = el(
      "time",
      { datetime: row.time, title: known ? at.toLocaleString() : row.time },
      known ? clock(at) : "",
    );
    const node = el("li", { class: "log-line", "data-stream": row.stream, "data-id": row.id }, time, text);
    this.#styles.set(row.stream, paint(text, row.text, this.#styles.get(row.stream) ?? PLAIN));
    return node;
  }

  #redraw(row: Row): void {
    const text = this.#list.querySelector<HTMLElement>(`[data-id="${row.id}"] > span`);
    if (text) this.#styles.set(row.stream, paint(text, row.text));
  }

  #scrolled(): void {
    const list = this.#list;
    const below = list.scrollHeight - list.clientHeight - list.scrollTop;
    if (list.scrollTop < EDGE && this.#range.from > this.#buffer.first)
      this.#shift(older(this.#range, this.#buffer.first));
    else if (below < EDGE && this.#range.to < this.#buffer.next)
      this.#shift(newer(this.#range, this.#buffer.first, this.#buffer.next));
    // Rows that wait for the next frame do not count against a view that follows.
    this.#pinned = below <= AT_END && (this.#pinned || this.#range.to === this.#buffer.next);
    this.#report();
  }

  /** Moves the range and keeps the row in view where it is. */
  #shift(next: Range): void {
    const list = this.#list;
    const top = list.getBoundingClientRect().top;
    const anchor = [...list.children].find(
      (node) =>
        node.getBoundingClientRect().bottom > top && inside(Number(node.getAttribute("data-id")), next),
    );
    const before = anchor?.getBoundingClientRect().top ?? 0;
    this.#show(next);
    if (anchor) list.scrollTop += anchor.getBoundingClientRect().top - before;
  }

  #toEnd(): void {
    this.#list.scrollTop = this.#list.scrollHeight;
  }

  #report(): void {
    this.#changed(this.#pinned, this.#buffer.next - this.#range.to);
  }
}

function inside(id: number, range: Range): boolean {
  return id >= range.from && id < range.to;
}
