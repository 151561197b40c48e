// What every page gets: busy buttons, menus that close, copying, times that stay true.

import { ago, lasting } from "./format";
import { toast } from "./toast";

const TICK_MS = 15_000;

/** A form under way cannot be sent twice; its button shows that something happens. */
export function wireBusy(): void {
  addEventListener("submit", (event) => {
    if (event.defaultPrevented || !(event.target instanceof HTMLFormElement)) return;
    if (event.target.method !== "post") return;
    const button = event.submitter;
    // After the browser has collected the fields: a disabled button would not be sent.
    setTimeout(() => button?.setAttribute("aria-busy", "true"));
  });
  // Back to a page kept in memory: its buttons are free again.
  addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
  });
}

/** Menus (<details class="menu">) close on Escape, on a press elsewhere, and when another opens. */
export function wireMenus(): void {
  const close = (except: Node | null) => {
    for (const menu of document.querySelectorAll<HTMLDetailsElement>("details.menu[open]")) {
      if (!except || !menu.contains(except)) menu.open = false;
    }
  };
  addEventListener("click", (event) => close(event.target as Node));
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.querySelector<HTMLDetailsElement>("details.menu[open]");
    open?.querySelector("summary")?.focus();
    close(null);
  });
}

/** `data-copy`: the text goes to the clipboard, with word of it. */
export function wireCopy(): void {
  addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-copy]");
    if (!button) return;
    navigator.clipboard.writeText(button.dataset["copy"] ?? "").then(
      () => toast("Copied"),
      () => toast("The browser did not allow copying"),
    );
  });
}

/** `<time data-ago>`: relative words that stay true, the exact time in the reader's zone on hover. */
export function wireTimes(): void {
  const tick = () => {
    const now = Date.now();
    for (const time of document.querySelectorAll<HTMLTimeElement>("time[data-ago]")) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      const words = (time.dataset["ago"] === "for" ? lasting : ago)(at.getTime(), now);
      if (time.textContent !== words) time.textContent = words;
      time.title ||= at.toLocaleString(undefined, { dateStyle: "full", timeStyle: "long" });
    }
  };
  tick();
  setInterval(tick, TICK_MS);
  addEventListener("orlop:changed", tick);
}
