// What people do on the console, in few words. Everything goes through forms, links and buttons.
import { basename } from "node:path";
import type { Page } from "playwright-core";
import { told } from "./driver";

export const NAME = "ada";
export const PASSWORD = "four plain words here";

/** Makes the first account with the token that the server printed. */
export async function signUp(page: Page): Promise<void> {
  await page.goto("/");
  await page.getByLabel("Sign-up token").fill(told("ORLOP_TOKEN"));
  await page.getByLabel("User name").fill(NAME);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByLabel("Password again").fill(PASSWORD);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.waitForURL("**/containers");
}

/** Logs in on the log-in page. */
export async function logIn(page: Page, password = PASSWORD): Promise<void> {
  await page.getByLabel("User name").fill(NAME);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
}

/** What the form of a new container is filled with; fields by their label. */
export interface Wish {
  image: string;
  name: string;
  /** Further fields. */
  more?: Record<string, string>;
  tty?: boolean;
  /** Only create, do not start. */
  only?: boolean;
}

/** Creates a container by the form and ends on its page. */
export async function create(page: Page, wish: Wish): Promise<void> {
  await page.goto("/containers/new");
  await page.getByLabel("Image", { exact: true }).fill(wish.image);
  await page.getByLabel("Name", { exact: true }).fill(wish.name);
  for (const [label, value] of Object.entries(wish.more ?? {})) {
    await reveal(page, label);
    await page.getByLabel(label, { exact: true }).fill(value);
  }
  if (wish.tty) await page.getByLabel("Give it a terminal").check();
  await page.getByRole("button", { name: wish.only ? "Create only" : "Create and start" }).click();
  await page.getByRole("heading", { level: 1, name: wish.name }).waitFor();
}

/** Opens the folded part of a form in which a field is. */
export async function reveal(page: Page, label: string): Promise<void> {
  const field = page.getByLabel(label, { exact: true });
  const folds = page.locator("details.more", { has: field });
  // The outer one comes first.
  for (let at = 0; at < (await folds.count()) && !(await field.isVisible()); at++) {
    const summary = folds.nth(at).locator("> summary");
    if (!(await folds.nth(at).evaluate((fold) => (fold as HTMLDetailsElement).open))) await summary.click();
  }
}

/** Waits for a state in the heading of a container's page. */
export async function inState(page: Page, state: string): Promise<void> {
  await page.locator(`h1 .badge[data-state="${state}"]`).waitFor();
}

/** Imports a file as an image by the form and waits until the job's page says that it is done. */
export async function importFile(page: Page, path: string, name: string): Promise<void> {
  await page.goto("/images/import");
  await page.getByLabel("Name", { exact: true }).fill(name);
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Choose a file" }).click();
  await (await chooser).setFiles(path);
  await page.getByText(basename(path), { exact: true }).waitFor();
  await page.getByRole("button", { name: "Import" }).click();
  await page.locator('orlop-job[data-state="done"]').waitFor({ timeout: 120_000 });
}
