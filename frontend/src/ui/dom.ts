// Making elements. Text always goes in as text: nothing here parses markup.

type Attributes = Record<string, string | number | boolean | undefined>;

/** An element with attributes (`true` = present, `false`/`undefined` = absent) and children. */
export function el<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === undefined) continue;
    node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...children);
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

/** An SVG element. */
export function svg(name: string, attributes: Attributes = {}): SVGElement {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  return node;
}

/** An icon of the sprite; its address is taken from an icon the page already shows. */
export function icon(name: string): SVGElement {
  const sprite =
    document.querySelector("use")?.getAttribute("href")?.split("#")[0] ?? "/static/build/icons.svg";
  const node = svg("svg", { class: "icon", "aria-hidden": "true" });
  node.append(svg("use", { href: `${sprite}#${name}` }));
  return node;
}

/** A state badge, as the macro of the same name renders it. */
export function badge(state: string, label = state): HTMLElement {
  return el("span", { class: "badge", "data-state": state }, el("i"), el("span", {}, label));
}

/** A button that only exists because a script does. */
export function button(label: string, kind: string, press: () => void, iconName?: string): HTMLButtonElement {
  const node = el("button", { type: "button", class: `btn ${kind}` });
  if (iconName) node.append(icon(iconName));
  if (kind.includes("btn-icon")) {
    node.title = label;
    node.append(el("span", { class: "sr" }, label));
  } else node.append(el("span", {}, label));
  node.addEventListener("click", press);
  return node;
}

/** The element with this `data-key` under `root`. */
export function keyed(root: ParentNode, key: string): HTMLElement | null {
  return root.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`);
}
