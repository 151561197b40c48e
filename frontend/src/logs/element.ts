// <orlop-logs src>: the live log of one container. Without script the rows the server rendered stay; with it
// they give way to a stream that follows, resumes by cursor after a break, and holds a bounded number of rows.

import { linkWords, Socket, withQuery } from "../net/socket";
import { button, el } from "../ui/dom";
import { Buffer, type Change, type Incoming } from "./buffer";
import { Viewport } from "./viewport";

const ROWS = 20_000;
const CHARS = 12_000_000;
const TAIL = 500;

/** What the server sends; every key is optional. */
interface Message {
  rows?: Incoming[];
  gap?: number;
  start?: { time: string };
  end?: { state?: string; code?: number; time?: string };
}

class Logs extends HTMLElement {
  #buffer = new Buffer(ROWS, CHARS);
  #view: Viewport | undefined;
  #socket: Socket | undefined;
  #list = el("ol", {
    class: "log",
    tabindex: 0,
    "aria-label": "Log lines",
    "data-empty": "Nothing to show yet.",
  });
  #status = el("span", { class: "log-link", role: "status" });
  #more = button("Newer lines", "log-new btn-primary btn-small", () => this.#view?.follow(), "end");
  #bar: HTMLElement = el("div");
  #clear = button("Clear view", "btn-small btn-quiet", () => this.#empty(), "cross");
  #begun = false;

  connectedCallback(): void {
    if (this.#socket) return;
    this.#more.hidden = true;
    // There is nothing of the stream yet that could be cleared.
    this.#clear.disabled = true;
    this.#bar = this.#tools();
    this.prepend(this.#bar);
    const rows = this.querySelector("[data-rows]");
    if (rows) rows.scrollTop = rows.scrollHeight;
    this.#socket = new Socket({
      address: () => {
        const src = this.getAttribute("src") ?? "";
        const after = this.#buffer.cursor;
        return after === null ? withQuery(src, { tail: String(TAIL) }) : withQuery(src, { after });
      },
      text: (message) => this.#take(message as Message),
      link: (state, code) => {
        this.#status.dataset["link"] = state;
        this.#status.replaceChildren(el("i"), linkWords(state, code));
        if (state === "open" && !this.querySelector("[data-rows] > li")) this.#begin();
      },
    });
    this.#socket.start();
  }

  disconnectedCallback(): void {
    this.#socket?.stop();
    this.#socket = undefined;
  }

  /** The server's rows stay until the stream brings the same ones, then make room for it. */
  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#clear.disabled = false;
    this.replaceChildren(this.#bar, this.#list, this.#more);
    this.#view = new Viewport(this.#list, this.#buffer, (pinned, hidden) => {
      this.#more.hidden = pinned;
      const label = this.#more.querySelector("span");
      if (label)
        label.textContent = hidden > 0 ? `${hidden} newer ${hidden === 1 ? "line" : "lines"}` : "Follow";
    });
  }

  #take(message: Message): void {
    this.#begin();
    if (message.start) this.#draw(this.#buffer.mark("The container started", message.start.time));
    if (message.gap !== undefined) this.#draw(this.#buffer.mark(gapWords(message.gap)));
    if (message.rows) this.#draw(this.#buffer.push(message.rows));
    if (message.end) {
      const code = message.end.code === undefined ? "" : ` with code ${message.end.code}`;
      this.#draw(this.#buffer.mark(`The container ended${code}`, message.end.time));
    }
  }

  #draw(change: Change): void {
    this.#view?.update(change);
  }

  #empty(): void {
    this.#buffer.clear();
    this.#view?.reset();
  }

  #tools(): HTMLElement {
    const wrap = this.#toggle("Wrap lines", "wrap", "log-nowrap", true);
    const time = this.#toggle("Times", "clock", "log-notime", true);
    const stream = el("select", { "aria-label": "Which output" });
    for (const [value, label] of [
      ["", "All output"],
      ["stdout", "Standard output"],
      ["stderr", "Errors only"],
    ] as const) {
      stream.append(el("option", { value }, label));
    }
    stream.addEventListener("change", () => {
      this.#list.dataset["only"] = stream.value;
      this.#view?.follow();
    });
    return el("div", { class: "log-tools" }, stream, wrap, time, this.#clear, this.#status);
  }

  /** A button that is pressed while a feature is on; off sets a class. Remembered on this device. */
  #toggle(label: string, icon: string, off: string, initially: boolean): HTMLElement {
    const key = `orlop.${off}`;
    const set = (on: boolean) => {
      node.setAttribute("aria-pressed", String(on));
      // On the whole, so that it holds for the server's rows too.
      this.classList.toggle(off, !on);
    };
    const node = button(
      label,
      "btn-small",
      () => {
        const on = node.getAttribute("aria-pressed") !== "true";
        remember(key, on);
        set(on);
      },
      icon,
    );
    set(recall(key) ?? initially);
    return node;
  }
}

/** Who dropped lines does not always know how many. */
function gapWords(count: number): string {
  return count === 0 ? "Lines are missing here" : `${count.toLocaleString()} lines are missing here`;
}

/** Storage may be refused (private mode, policy): then nothing is remembered. */
function remember(key: string, on: boolean): void {
  try {
    localStorage.setItem(key, on ? "1" : "0");
  } catch {
    return;
  }
}

function recall(key: string): boolean | undefined {
  try {
    const value = localStorage.getItem(key);
    return value === null ? undefined : value === "1";
  } catch {
    return undefined;
  }
}

customElements.define("orlop-logs", Logs);
