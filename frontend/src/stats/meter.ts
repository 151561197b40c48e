// `data-stat` elements: figures, bars and the last minute as a line, fed by the page's live stream.

import { el, svg } from "../ui/dom";
import { bytes, percent } from "../ui/format";
import { add, ceiling, path } from "./series";

/** One reading of a container: CPU in cores, memory in bytes, limit 0 for none. */
export interface Sample {
  cpu: number;
  memory: number;
  limit: number;
}

const WIDTH = 240;
const HEIGHT = 44;
const history = new Map<string, number[]>();

/** Passes readings on to the elements under `root` that show them. */
export function feed(root: ParentNode, stats: Record<string, Sample>): void {
  for (const [id, sample] of Object.entries(stats)) {
    for (const name of ["cpu", "memory"] as const) {
      const key = `${name} ${id}`;
      const series = add(history.get(key) ?? [], sample[name]);
      history.set(key, series);
      const limit = name === "memory" ? sample.limit : 0;
      for (const node of root.querySelectorAll<HTMLElement>(
        `[data-stat="${name}"][data-id="${CSS.escape(id)}"]`,
      )) {
        show(node, series, limit, name === "cpu" ? percent : bytes);
      }
    }
  }
}

function show(node: HTMLElement, series: number[], limit: number, words: (value: number) => string): void {
  const value = series.at(-1) ?? 0;
  if (node.dataset["kind"] === "spark") spark(node, series, limit, words(value));
  else if (node.dataset["kind"] === "bar") bar(node, value, limit);
  else node.textContent = words(value);
}

function spark(node: HTMLElement, series: number[], limit: number, words: string): void {
  let picture = node.querySelector("svg");
  if (!picture) {
    picture = svg("svg", {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: "none",
      role: "img",
    }) as SVGSVGElement;
    picture.append(svg("path", { class: "spark-area" }), svg("path", { class: "spark-line" }));
    node.replaceChildren(picture);
  }
  const { line, area } = path(series, ceiling(series, limit), WIDTH, HEIGHT);
  picture.setAttribute("aria-label", `Last minute, now ${words}`);
  picture.querySelector(".spark-line")?.setAttribute("d", line);
  picture.querySelector(".spark-area")?.setAttribute("d", area);
}

function bar(node: HTMLElement, value: number, limit: number): void {
  node.hidden = limit === 0;
  let meter = node.querySelector("progress");
  if (!meter) {
    meter = el("progress", { class: "progress", "aria-label": "Share of the limit" });
    node.replaceChildren(meter);
  }
  meter.max = limit || 1;
  meter.value = Math.min(value, limit);
  meter.classList.toggle("progress-high", limit > 0 && value > limit * 0.9);
}
