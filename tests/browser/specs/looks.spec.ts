// How the pages of an empty console look, its forms, and those that refuse: accessible in both themes, fit for a
// phone, to be used by the keyboard alone; and a list with nothing in it says what to do next.
import assert from "node:assert/strict";
import { chapter, expectStatus, open } from "../support/browser";
import { signUp } from "../support/console";
import { inspect, unfold, visit } from "../support/looks";

const page = await open({ reducedMotion: "reduce" });
const main = page.locator("main");

chapter("before anybody has signed up, and with nothing on the host", async () => {
  await visit(page, "/signup");
  await signUp(page);
  for (const [path, title, next] of [
    ["/containers", "No containers yet", "Create container"],
    ["/images", "No images yet", "Bootstrap Debian"],
    ["/builds", "No builds yet", "Build image"],
    ["/jobs", "No jobs yet", "Get an image"],
  ] as const) {
    await visit(page, path);
    await main.getByRole("heading", { name: title }).waitFor();
    await main.locator(".empty").getByRole("link", { name: next }).waitFor();
  }
});

chapter("forms, the host and the parts of all pages", async () => {
  for (const path of [
    "/containers/new",
    "/builds/new",
    "/images/pull",
    "/images/import",
    "/images/bootstrap",
    "/host",
    "/style",
  ]) {
    await page.goto(path);
    await unfold(page, "details.more");
    await inspect(page);
  }
});

chapter("refused forms and pages that are not there", async () => {
  expectStatus(404, 422);
  await page.goto("/containers/new");
  await page.getByLabel("Image", { exact: true }).fill("nowhere");
  await page.getByLabel("Published ports").fill("x");
  await main.getByRole("button", { name: "Create and start" }).click();
  await page.locator(".field-error").first().waitFor();
  await inspect(page);
  await visit(page, "/containers/nowhere");
});

chapter("the keyboard leads through a page, and the focus is seen", async () => {
  await page.goto("/images");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Skip to content");
  const seen = new Set<string>();
  for (let steps = 0; steps < 16; steps += 1) {
    const { name, outline } = await page.evaluate(() => {
      const at = document.activeElement as HTMLElement;
      const style = getComputedStyle(at);
      return { name: at.outerHTML.slice(0, 120), outline: `${style.outlineStyle} ${style.outlineWidth}` };
    });
    assert.match(outline, /^solid [1-9]/, name);
    seen.add(name);
    await page.keyboard.press("Tab");
  }
  assert.ok(seen.size >= 14, "no step of the keyboard stays where it was");
});
