// <orlop-terminal src data-label>: a shell in a container. The session lives on the server: a reload, a lost
// network or a restarted server comes back to the same bytes. See session.ts for the accounting.

import { CLOSE, type Link, linkWords, Socket, withQuery } from "../net/socket";
import { button, el } from "../ui/dom";
import { Keys } from "./keys";
import { Inbound, Outbound } from "./session";

const ACK_AFTER_MS = 100;
const FIT_AFTER_MS = 60;
/** The server says at once where the replay ends; without word the keyboard is not kept waiting. */
const MUTE_MOST_MS = 2000;

/** Text messages of the server; every key is optional. */
interface Message {
  /** The end of the output at the moment of connecting; `fresh`: nobody was attached before. */
  live?: number;
  fresh?: boolean;
  ack?: number;
  exit?: { code: number };
  error?: string;
}

type Screen = ReturnType<typeof import("./screen").openScreen>;

class TerminalElement extends HTMLElement {
  #inbound = new Inbound();
  #outbound = new Outbound();
  #socket: Socket | undefined;
  #screen: Screen | undefined;
  #status = el("span", { role: "status" });
  #note = el("div", { class: "term-note", role: "alert", hidden: true });
  #frame = el("div", { class: "term" });
  #ackTimer: ReturnType<typeof setTimeout> | undefined;
  #fitTimer: ReturnType<typeof setTimeout> | undefined;
  #size = "";
  /** Output below this number is a replay: its questions were answered when it was new. */
  #muteBelow = Number.POSITIVE_INFINITY;
  #drawn = 0;
  #over = false;
  #keys = new Keys((data) => {
    if (data) this.#screen?.terminal.input(data);
    this.#screen?.terminal.focus();
  });
  readonly #encoder = new TextEncoder();

  connectedCallback(): void {
    if (!this.#socket) void this.#begin();
  }

  disconnectedCallback(): void {
    this.#socket?.stop();
    this.#screen?.terminal.dispose();
  }

  async #begin(): Promise<void> {
    const label = this.dataset["label"] ?? "shell";
    const { openScreen } = await import("./screen");
    const place = el("div");
    const screenFrame = el("div", { class: "term-screen" }, place);
    const full = button("Full screen", "btn-icon btn-small", () => this.#toggleFull(), "expand");
    const bar = el("div", { class: "term-bar" }, el("b", {}, label), this.#status, full);
    this.#frame.append(bar, screenFrame, this.#keys.bar, this.#note);
    this.replaceChildren(this.#frame);
    const screen = openScreen(place, label);
    this.#screen = screen;
    screen.terminal.onData((data) => this.#type(this.#encoder.encode(this.#keys.apply(data))));
    screen.terminal.onBinary((data) => this.#type(Uint8Array.from(data, (char) => char.charCodeAt(0))));
    new ResizeObserver(() => this.#fitSoon()).observe(place);
    this.#fit();
    screen.terminal.focus();
    this.#connect();
  }

  #connect(): void {
    this.#socket = new Socket({
      address: () => {
        const src = this.getAttribute("src") ?? "";
        const next = this.#inbound.next;
        return next === null ? src : withQuery(src, { from: String(next) });
      },
      bytes: (data) => this.#output(data),
      text: (message) => this.#take(message as Message),
      link: (state, code) => this.#link(state, code),
    });
    this.#socket.start();
  }

  #link(state: Link, code: number): void {
    this.#status.dataset["link"] = state;
    this.#status.replaceChildren(el("i"), this.#over ? "Ended" : linkWords(state, code));
    if (state === "open") {
      this.#inbound.resumed();
      this.#size = "";
      this.#fit();
      this.#flush();
      setTimeout(() => {
        if (this.#muteBelow === Number.POSITIVE_INFINITY) this.#muteBelow = 0;
      }, MUTE_MOST_MS);
    } else if (state === "waiting" || state === "closed") {
      const lost = this.#outbound.broken();
      if (lost > 0)
        this.#say(`The connection broke: the last ${lost} bytes you typed may not have arrived.`, "note");
      if (code === CLOSE.takenOver)
        this.#say("This terminal goes on in another window. Reload to have it here.", "note");
      if (code === CLOSE.gone) this.#say("This session no longer exists.", "bad");
    }
  }

  #output(data: Uint8Array): void {
    const output = this.#inbound.accept(data);
    const terminal = this.#screen?.terminal;
    if (!output || !terminal) return;
    if (output.jumped) {
      terminal.reset();
      this.#say("Some output was lost while you were away: the screen starts anew.", "note");
    }
    // The callback comes when the bytes are parsed: only then may the server send more.
    terminal.write(output.bytes, () => this.#parsed(output.end));
  }

  #parsed(end: number): void {
    this.#drawn = Math.max(this.#drawn, end);
    const due = this.#inbound.drawn(end);
    if (due !== null) this.#ack(due);
    else this.#ackTimer ||= setTimeout(() => this.#ack(this.#inbound.ack()), ACK_AFTER_MS);
  }

  #ack(seq: number | null): void {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    if (seq !== null) this.#socket?.send(JSON.stringify({ ack: seq }));
  }

  #take(message: Message): void {
    if (message.live !== undefined && this.#muteBelow === Number.POSITIVE_INFINITY) {
      this.#muteBelow = message.fresh ? 0 : message.live;
    }
    if (message.ack !== undefined) {
      this.#outbound.taken(message.ack);
      this.#flush();
    }
    if (message.exit) {
      this.#over = true;
      this.#say(`The shell ended with code ${message.exit.code}.`, message.exit.code === 0 ? "note" : "bad");
    }
    if (message.error) this.#say(message.error, "bad");
  }

  #type(bytes: Uint8Array): void {
    if (this.#over || this.#drawn < this.#muteBelow) return;
    this.#outbound.push(bytes);
    this.#flush();
  }

  #flush(): void {
    if (this.#status.dataset["link"] !== "open") return;
    for (let part = this.#outbound.take(); part; part = this.#outbound.take()) this.#socket?.send(part);
  }

  #fitSoon(): void {
    clearTimeout(this.#fitTimer);
    this.#fitTimer = setTimeout(() => this.#fit(), FIT_AFTER_MS);
  }

  #fit(): void {
    const screen = this.#screen;
    if (!screen) return;
    screen.fit.fit();
    const { rows, cols } = screen.terminal;
    const message = JSON.stringify({ resize: { rows, cols } });
    if (message !== this.#size && this.#socket?.send(message)) this.#size = message;
  }

  /** A line below the screen; a way on, if the page offers one. */
  #say(text: string, tone: string): void {
    this.#note.dataset["tone"] = tone;
    this.#note.replaceChildren(text);
    const next = this.dataset["next"];
    if (next && this.#over) this.#note.append(" ", el("a", { href: next }, "Open another"));
    this.#note.hidden = false;
  }

  #toggleFull(): void {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void this.#frame.requestFullscreen();
    this.#screen?.terminal.focus();
  }
}

customElements.define("orlop-terminal", TerminalElement);
