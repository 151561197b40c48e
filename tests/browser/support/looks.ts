// Looks at a page for those who need it most: axe by WCAG 2.2 AA in light and dark, and a phone of 320 pixels.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type axe from "axe-core";
import type { Page } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

/** What axe finds in one theme. */
async function violations(page: Page, theme: "light" | "dark", runOnly: axe.RunOnly): Promise<string[]> {
  await page.evaluate(AXE);
  await page.locator(":root").evaluate((root, name) => root.setAttribute("data-theme", name), theme);
  return page.evaluate(async (only) => {
    await new Promise((resolve) => requestAnimationFrame(resolve));
    const tool = (globalThis as unknown as { axe: typeof axe }).axe;
    const found = await tool.run(document, { runOnly: only, resultTypes: ["violations"] });
    const nodes = found.violations.flatMap(({ id, nodes }) => nodes.map((node) => ({ id, ...node })));
    return nodes.map(({ id, html, failureSummary }) => `${id}: ${html}\n  ${failureSummary}`);
  }, runOnly);
}

/** The page as it is now, in both themes and on a small phone. */
export async function inspect(page: Page): Promise<void> {
  const place = page.url();
  assert.deepEqual(
    await violations(page, "light", { type: "tag", values: RULES }),
    [],
    `${place} in the light`,
  );
  // Only colours differ between the themes.
  const dark = await violations(page, "dark", { type: "rule", values: ["color-contrast"] });
  assert.deepEqual(dark, [], `${place} in the dark`);
  for (const width of [1280, 320]) {
    await page.setViewportSize({ width, height: 800 });
    assert.deepEqual(await stickingOut(page), [], `${place} at ${width} pixels`);
  }
  await page.setViewportSize({ width: 1280, height: 800 });
}

/** What makes the page scroll sideways: a part of it may scroll by itself or end in dots, the page may not. */
function stickingOut(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    if ((document.scrollingElement?.scrollWidth ?? 0) <= innerWidth) return [];
    const all = [...document.querySelectorAll("main *")];
    const wide = all.filter((node) => node.getBoundingClientRect().right > innerWidth + 1);
    return wide.slice(0, 5).map((node) => node.outerHTML.slice(0, 160));
  });
}

/** Opens what is folded away. */
export async function unfold(page: Page, selector: string): Promise<void> {
  await page
    .locator("main")
    .locator(selector)
    .evaluateAll((folds) => {
      for (const fold of folds) fold.setAttribute("open", "");
    });
}

/** Goes to a page and inspects it. */
export async function visit(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await inspect(page);
}
