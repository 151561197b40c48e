// The one reconnecting WebSocket of the console. It knows nothing of what the messages mean: whoever uses
// it gives the address for each try (with the cursor to resume from) and gets text or bytes.

import { delayMs } from "./backoff";

/** How the connection stands; `closed` is final. */
export type Link = "opening" | "open" | "waiting" | "closed";

/** Close codes the server uses to say "do not come back". */
export const CLOSE = { finished: 4000, signedOut: 4401, gone: 4404, takenOver: 4409 } as const;

/** What a stream does with its connection. */
export interface Handlers {
  /** Path and query for the next try; asked anew each time. */
  address(): string;
  text?(message: unknown): void;
  bytes?(data: Uint8Array): void;
  link?(state: Link, code: number): void;
}

/** A WebSocket that comes back: with back-off, at once when the network or the tab returns. */
export class Socket {
  #handlers: Handlers;
  #socket: WebSocket | null = null;
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #over = false;

  constructor(handlers: Handlers) {
    this.#handlers = handlers;
  }

  start(): void {
    addEventListener("online", this.#wake);
    document.addEventListener("visibilitychange", this.#wake);
    this.#open();
  }

  /** Sends if connected; says whether it did. */
  send(data: string | Uint8Array<ArrayBuffer>): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(data);
    return true;
  }

  /** Ends for good; no handler is called afterwards. */
  stop(): void {
    this.#finish();
    this.#socket?.close(1000);
    this.#socket = null;
  }

  #open(): void {
    const url = new URL(this.#handlers.address(), location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#tell("opening", 0);
    socket.onopen = () => {
      this.#tell("open", 0);
    };
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
      if (socket !== this.#socket) return;
      // Only a message proves that the server is well: an accept-and-close loop keeps backing off.
      this.#attempt = 0;
      if (typeof event.data === "string") this.#handlers.text?.(JSON.parse(event.data));
      else this.#handlers.bytes?.(new Uint8Array(event.data));
    };
    socket.onclose = (event) => {
      if (socket !== this.#socket) return;
      this.#socket = null;
      if (event.code >= 4000) {
        this.#finish();
        this.#handlers.link?.("closed", event.code);
        // The log-in page comes instead, and leads back here.
        if (event.code === CLOSE.signedOut) location.reload();
        return;
      }
      this.#tell("waiting", event.code);
      this.#timer = setTimeout(() => this.#open(), delayMs(this.#attempt++, Math.random()));
    };
  }

  #wake = (): void => {
    if (this.#over || this.#socket || document.visibilityState === "hidden") return;
    clearTimeout(this.#timer);
    this.#open();
  };

  #tell(state: Link, code: number): void {
    if (!this.#over) this.#handlers.link?.(state, code);
  }

  #finish(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    removeEventListener("online", this.#wake);
    document.removeEventListener("visibilitychange", this.#wake);
  }
}

/** `path` with further query parameters. */
export function withQuery(path: string, values: Record<string, string>): string {
  const url = new URL(path, "http://x");
  for (const [name, value] of Object.entries(values)) url.searchParams.set(name, value);
  return url.pathname + url.search;
}

/** Words for the connection, for a status line. */
export function linkWords(state: Link, code: number): string {
  if (state === "open") return "Live";
  if (state === "opening") return "Connecting";
  if (state === "waiting") return "Connection lost, trying again";
  if (code === CLOSE.signedOut) return "You are logged out";
  if (code === CLOSE.gone) return "No longer there";
  if (code === CLOSE.takenOver) return "Continued elsewhere";
  return "Ended";
}
