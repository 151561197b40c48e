// <orlop-build src data-after>: a build as it happens. Steps change their state, count their time and show
// their output; the running one is open, a failed one stays open. Resumes by sequence number.

import { Socket, withQuery } from "../net/socket";
import { badge, el, icon, keyed } from "../ui/dom";
import { span } from "../ui/format";
import { Output } from "./output";

/** One step as the server describes it, whole each time it changes. */
interface Step {
  index: number;
  name: string;
  line?: number;
  stage?: string;
  state: string;
  started?: string;
  ms?: number;
  /** Why the cache could not serve it. */
  reason?: string;
}

interface Message {
  seq: number;
  steps?: Step[];
  output?: { index: number; stream: string; text: string }[];
  end?: { state: string; image?: string; error?: string; line?: number };
}

const TICK_MS = 200;

class Build extends HTMLElement {
  #socket: Socket | undefined;
  #after = 0;
  #outputs = new Map<number, Output>();
  /** Steps that the person opened or closed: the script leaves them alone. */
  #touched = new WeakSet<Element>();
  #ticker: ReturnType<typeof setInterval> | undefined;

  connectedCallback(): void {
    if (this.#socket) return;
    this.#after = Number(this.dataset["after"] ?? 0);
    this.addEventListener("click", (event) => {
      const details = (event.target as Element).closest("summary")?.parentElement;
      if (details) this.#touched.add(details);
    });
    this.#socket = new Socket({
      address: () => withQuery(this.getAttribute("src") ?? "", { after: String(this.#after) }),
      text: (message) => this.#take(message as Message),
    });
    this.#socket.start();
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
  }

  disconnectedCallback(): void {
    clearInterval(this.#ticker);
    this.#socket?.stop();
    this.#socket = undefined;
  }

  #take(message: Message): void {
    if (message.end) this.#end(message.end);
    if (message.seq <= this.#after && this.#after > 0) return;
    this.#after = message.seq;
    for (const step of message.steps ?? []) this.#step(step);
    for (const { index, stream, text } of message.output ?? []) this.#output(index)?.add(stream, text);
  }

  #step(step: Step): void {
    const node = this.#node(step);
    node.dataset["state"] = step.state;
    if (step.started) node.dataset["started"] = step.started;
    const name = node.querySelector(".step-name");
    const [word = "", ...rest] = step.name.split(" ");
    name?.replaceChildren(el("b", {}, word), ` ${rest.join(" ")}`);
    const time = node.querySelector("[data-time]");
    if (time) time.textContent = timeWords(step);
    node.querySelector(".step-icon")?.setAttribute("aria-label", step.state);
    if (step.reason && !node.querySelector(".step-why")) {
      const why = el("p", { class: "step-why" }, `Not from the cache: ${step.reason}`);
      node.querySelector("[data-out]")?.before(why);
    }
    const details = node.querySelector("details");
    if (details && !this.#touched.has(details))
      details.open = step.state === "running" || step.state === "failed";
  }

  #node(step: Step): HTMLElement {
    const key = `step-${step.index}`;
    const known = keyed(this, key);
    if (known) return known;
    const where = [step.stage, step.line ? `line ${step.line}` : ""].filter(Boolean).join(" · ");
    const meta = el("span", { class: "step-meta" });
    if (where) meta.append(el("span", { class: "step-line" }, `${where} · `));
    meta.append(el("span", { "data-time": true }));
    const sign = el("span", { class: "step-icon", role: "img" });
    const summary = el("summary", {}, sign, el("span", { class: "step-name" }), meta);
    const out = el("div", { class: "log step-out", "data-out": true });
    const node = el("li", { class: "step", "data-key": key }, el("details", {}, summary, out));
    const list = this.querySelector("[data-list]");
    const next = [...(list?.children ?? [])].find((other) => indexOf(other) > step.index);
    list?.insertBefore(node, next ?? null);
    return node;
  }

  #output(index: number): Output | undefined {
    let output = this.#outputs.get(index);
    const place = keyed(this, `step-${index}`)?.querySelector<HTMLElement>("[data-out]");
    if (!output && place) {
      output = new Output(place);
      this.#outputs.set(index, output);
    }
    return output;
  }

  #end(end: NonNullable<Message["end"]>): void {
    for (const place of document.querySelectorAll("[data-build-state]"))
      place.replaceChildren(badge(end.state));
    for (const form of document.querySelectorAll<HTMLElement>("[data-while-running]")) form.hidden = true;
    const place = this.querySelector("[data-end]");
    if (!place) return;
    const bad = end.state !== "done";
    const words = bad ? (end.error ?? "The build was stopped.") : "The image is ready.";
    const body = el("div", {}, el("strong", {}, bad ? `Build ${end.state}` : "Build done"));
    body.append(
      el("p", { class: words.includes("\n") && "lines" }, end.line ? `Line ${end.line}: ${words}` : words),
    );
    const sign = icon(bad ? "warn" : "check");
    const notice = el("div", { class: `notice notice-${bad ? "bad" : "good"}`, role: "status" }, sign, body);
    if (end.image) notice.append(el("a", { class: "btn btn-small", href: end.image }, "Show the image"));
    place.replaceChildren(notice);
  }

  /** Running steps count their own time. */
  #tick(): void {
    for (const node of this.querySelectorAll<HTMLElement>('.step[data-state="running"][data-started]')) {
      const time = node.querySelector("[data-time]");
      if (time) time.textContent = span(Date.now() - Date.parse(node.dataset["started"] ?? ""));
    }
  }
}

function indexOf(node: Element): number {
  return Number(node.getAttribute("data-key")?.replace("step-", ""));
}

function timeWords(step: Step): string {
  if (step.state === "cached") return "cached";
  if (step.state === "waiting" || step.state === "skipped") return step.state;
  return step.ms === undefined ? "" : span(step.ms);
}

customElements.define("orlop-build", Build);
