// A short word in the corner, read out by screen readers, gone by itself.

import { el } from "./dom";

const STAY_MS = 4000;

/** Shows `text` for a few seconds. */
export function toast(text: string): void {
  const place = document.querySelector(".toasts");
  const node = el("div", { class: "toast" }, text);
  place?.append(node);
  setTimeout(() => node.remove(), STAY_MS);
}
