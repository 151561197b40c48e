// Lets xterm.js work under `style-src 'self'`. It makes <style> elements and sets style attributes, and such a
// policy refuses both; each has a twin that is allowed: constructable style sheets and the CSSOM. xterm's own
// `documentOverride` does not reach its viewport and its row factory (6.0), hence the two detours here.
// Both act on the terminal page only: nothing else imports this file.

/** Runs `open`, in which xterm makes its <style> elements, with stand-ins for them. Synchronous. */
export function openStrictly(real: Document, open: () => void): void {
  const create = (tag: string) =>
    tag === "style" ? sheet(real) : Document.prototype.createElement.call(real, tag);
  Object.defineProperty(real, "createElement", { configurable: true, value: create });
  Object.defineProperty(HTMLSpanElement.prototype, "setAttribute", {
    configurable: true,
    value: setAttribute,
  });
  try {
    open();
  } finally {
    Reflect.deleteProperty(real, "createElement");
  }
}

/** xterm colours cells by `setAttribute("style", …)`; the CSSOM takes the same text. */
function setAttribute(this: HTMLElement, name: string, value: string): void {
  if (name === "style") this.style.cssText = value;
  else Element.prototype.setAttribute.call(this, name, value);
}

/** Stands in for a <style>: its text goes into a constructed sheet, which leaves with the element. An inert
 * element is used, as even an empty <style> is refused. */
function sheet(real: Document): HTMLElement {
  const node = Document.prototype.createElement.call(real, "template");
  const sheet = new CSSStyleSheet();
  real.adoptedStyleSheets.push(sheet);
  Object.defineProperty(node, "textContent", { set: (css: string) => sheet.replaceSync(css), get: () => "" });
  Object.defineProperty(node, "remove", {
    value: () => {
      real.adoptedStyleSheets = real.adoptedStyleSheets.filter((one) => one !== sheet);
      Element.prototype.remove.call(node);
    },
  });
  return node;
}
