// <orlop-live src>: keeps the page true. The server sends fragments of its own templates for what changed; a replaced row keeps the focus, the open menu and the ticked box that were in it.

import { CLOSE, type Link, Socket } from "../net/socket";
import { feed, type Sample } from "../stats/meter";
import { el, icon, keyed } from "../ui/dom";
import { toast } from "../ui/toast";

/** What the server sends; every key is optional. */
interface Delta {
  set?: { key: string; html: string }[];
  drop?: string[];
  text?: Record<string, string>;
  stats?: Record<string, Sample>;
  reload?: boolean;
}

const FOCUSABLE = "a, button, input, select, summary";

class Live extends HTMLElement {
  #socket: Socket | undefined;
  #told = false;

  connectedCallback(): void {
    if (this.#socket) return;
    this.#socket = new Socket({
      address: () => this.getAttribute("src") ?? "",
      text: (message) => this.#apply(message as Delta),
      link: (state, code) => this.#link(state, code),
    });
    this.#socket.start();
  }

  disconnectedCallback(): void {
    this.#socket?.stop();
    this.#socket = undefined;
  }

  #apply(delta: Delta): void {
    if (delta.reload && !document.querySelector("dialog[open], details.menu[open]")) {
      location.reload();
      return;
    }
    for (const { key, html } of delta.set ?? []) this.#set(key, html);
    for (const key of delta.drop ?? []) this.#find(key)?.remove();
    for (const [name, value] of Object.entries(delta.text ?? {})) {
      for (const node of document.querySelectorAll(`[data-text="${CSS.escape(name)}"]`))
        node.textContent = value;
    }
    if (delta.stats) feed(document, delta.stats);
    if (delta.set || delta.drop) {
      this.#showEmpty();
      dispatchEvent(new Event("orlop:changed"));
    }
  }

  #set(key: string, html: string): void {
    // The server's own template output, escaped there; the CSP lets no script in it run.
    const template = document.createElement("template");
    template.innerHTML = html;
    const next = template.content.firstElementChild;
    if (!(next instanceof HTMLElement)) return;
    const old = this.#find(key);
    if (!old) {
      next.dataset["fresh"] = "";
      this.querySelector("[data-list]")?.prepend(next);
      return;
    }
    if (old.outerHTML === next.outerHTML) return;
    const restore = remember(old);
    old.replaceWith(next);
    restore(next);
  }

  /** Inside first, then anywhere: the heading of a page stands outside of its content. */
  #find(key: string): HTMLElement | null {
    return keyed(this, key) ?? keyed(document, key);
  }

  #showEmpty(): void {
    const rows = this.querySelector("[data-list]")?.childElementCount ?? 0;
    for (const part of this.querySelectorAll<HTMLElement>("[data-when]")) {
      part.hidden = (part.dataset["when"] === "empty") !== (rows === 0);
    }
  }

  #link(state: Link, code: number): void {
    this.dataset["link"] = state;
    if (state === "waiting" && !this.#told) {
      this.#told = true;
      toast("Connection lost: what you see may be out of date");
    } else if (state === "open" && this.#told) {
      this.#told = false;
      toast("Connected again");
    } else if (code === CLOSE.gone) this.#gone();
  }

  /** What the page shows was removed elsewhere: it stays to be read, but nothing can be done with it. */
  #gone(): void {
    for (const part of document.querySelectorAll<HTMLElement>(".page-actions")) part.hidden = true;
    const notice = el("div", { class: "notice notice-warn", role: "alert" }, icon("warn"));
    notice.append(el("p", {}, "This was removed and no longer exists."));
    const up = document.querySelector<HTMLAnchorElement>(".crumbs a:last-of-type");
    if (up) notice.append(el("a", { class: "btn btn-small", href: up.href }, up.textContent ?? ""));
    this.prepend(notice);
  }
}

/** Notes what a person holds in `old`; the returned function gives it back to its successor. */
function remember(old: HTMLElement): (next: HTMLElement) => void {
  const controls = [...old.querySelectorAll<HTMLElement>(FOCUSABLE)];
  const focused = controls.indexOf(document.activeElement as HTMLElement);
  const open = [...old.querySelectorAll("details")].map((one) => one.open);
  const ticked = new Set(
    [...old.querySelectorAll<HTMLInputElement>("input[type=checkbox]:checked")].map((one) => one.value),
  );
  return (next) => {
    next.querySelectorAll("details").forEach((one, i) => {
      one.open ||= open[i] ?? false;
    });
    for (const box of next.querySelectorAll<HTMLInputElement>("input[type=checkbox]"))
      box.checked ||= ticked.has(box.value);
    if (focused >= 0) next.querySelectorAll<HTMLElement>(FOCUSABLE)[focused]?.focus({ preventScroll: true });
  };
}

customElements.define("orlop-live", Live);
