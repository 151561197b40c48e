// <orlop-job src>: a pull, an import or another long task as it goes on: its state, its progress, the layers.

import { Socket, withQuery } from "../net/socket";
import { badge, el, keyed } from "../ui/dom";
import { bytes, span } from "../ui/format";

interface Layer {
  id: string;
  state: string;
  done: number;
  total: number;
}

/** What the server sends; a message upserts what it names. */
interface Message {
  state?: string;
  done?: number;
  total?: number;
  unit?: string;
  note?: string;
  eta?: number;
  error?: string;
  href?: string;
  layers?: Layer[];
  log?: string[];
}

const LINES_MOST = 5000;
const ENDED = new Set(["done", "failed", "cancelled", "interrupted"]);

class Job extends HTMLElement {
  #socket: Socket | undefined;
  #lines = 0;

  connectedCallback(): void {
    if (this.#socket) return;
    this.#lines = Number(this.dataset["after"] ?? 0);
    this.#socket = new Socket({
      address: () => withQuery(this.getAttribute("src") ?? "", { after: String(this.#lines) }),
      text: (message) => this.#take(message as Message),
    });
    this.#socket.start();
  }

  disconnectedCallback(): void {
    this.#socket?.stop();
    this.#socket = undefined;
  }

  #take(message: Message): void {
    if (message.state) this.#state(message.state);
    if (message.done !== undefined || message.total !== undefined) this.#progress(message);
    const words = noteWords(message);
    const note = this.#part("note");
    if (words && note) note.textContent = words;
    for (const layer of message.layers ?? []) this.#layer(layer);
    if (message.log) this.#log(message.log);
    if (message.href && message.state === "done") this.#link(message.href);
  }

  #part(name: string): HTMLElement | null {
    return this.querySelector<HTMLElement>(`[data-part="${name}"]`);
  }

  #state(state: string): void {
    this.#part("state")?.replaceChildren(state === "running" ? badge("working", "running") : badge(state));
    this.dataset["state"] = state;
    const ended = ENDED.has(state);
    if (state === "done") {
      for (const node of this.querySelectorAll<HTMLElement>(".layer:not([data-state=exists])")) settle(node);
    }
    for (const node of document.querySelectorAll<HTMLElement>("[data-while-running]")) node.hidden = ended;
    const bar = this.#part("progress");
    if (bar instanceof HTMLProgressElement && ended) {
      if (state === "done") bar.value = bar.max = 1;
      else bar.hidden = true;
    }
  }

  #progress({ done = 0, total = 0 }: Message): void {
    const bar = this.#part("progress");
    if (bar instanceof HTMLProgressElement) fill(bar, done, total);
  }

  #layer(layer: Layer): void {
    const key = `layer-${layer.id}`;
    let node = keyed(this, key);
    if (!node) {
      const bar = el("progress", { class: "progress", "aria-label": `Layer ${layer.id}` });
      const id = el("code", { class: "id" }, layer.id);
      node = el("li", { class: "layer", "data-key": key }, id, bar, el("span", { "data-note": true }));
      this.#part("layers")?.append(node);
    }
    node.dataset["state"] = layer.state;
    const bar = node.querySelector("progress");
    const still = layer.state === "done" || layer.state === "exists";
    if (bar) fill(bar, still ? 1 : layer.done, still ? 1 : layer.state === "waiting" ? 1 : layer.total);
    if (bar && layer.state === "waiting") bar.value = 0;
    const note = node.querySelector("[data-note]");
    if (note) note.textContent = layerWords(layer);
  }

  #log(lines: string[]): void {
    const place = this.#part("log");
    if (!place) return;
    this.#lines += lines.length;
    const following = place.scrollHeight - place.clientHeight - place.scrollTop < 16;
    for (const line of lines) place.append(el("div", { class: "log-line" }, el("span", {}, line)));
    while (place.childElementCount > LINES_MOST) place.firstElementChild?.remove();
    if (following) place.scrollTop = place.scrollHeight;
  }

  #link(href: string): void {
    const place = this.#part("link");
    place?.replaceChildren(
      el("a", { class: "btn btn-primary", href }, place.dataset["words"] ?? "Show the result"),
    );
  }
}

/** A bar of unknown length when the total is not known. */
function fill(bar: HTMLProgressElement, done: number, total: number): void {
  if (total > 0) {
    bar.max = total;
    bar.value = Math.min(done, total);
  } else bar.removeAttribute("value");
}

/** The whole is done, and so is each part, whether or not its own last word came. */
function settle(node: HTMLElement): void {
  node.dataset["state"] = "done";
  const note = node.querySelector("[data-note]");
  if (note?.textContent === "Unpacking") note.textContent = "Done";
}

function noteWords(message: Message): string {
  if (message.error) return message.error;
  if (message.note) return message.note;
  if (message.done === undefined) return "";
  const amount = message.unit === "items" ? String : bytes;
  const parts = [
    message.total ? `${amount(message.done)} of ${amount(message.total)}` : amount(message.done),
  ];
  if (message.eta !== undefined) parts.push(`${span(message.eta * 1000)} left`);
  return parts.join(" · ");
}

function layerWords({ state, done, total }: Layer): string {
  if (state === "downloading") return total > 0 ? `${bytes(done)} of ${bytes(total)}` : bytes(done);
  if (state === "unpacking") return "Unpacking";
  if (state === "exists") return "Already here";
  if (state === "done") return total > 0 ? bytes(total) : "Done";
  return state === "failed" ? "Failed" : "Waiting";
}

customElements.define("orlop-job", Job);
