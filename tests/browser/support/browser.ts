// Chromium, its tabs, and the rule that no page may complain: an exception, an error on the console and a breach
// of the content security policy each fail the chapter in which they happen, unless it says that it expects them.
import { join } from "node:path";
import { after, test } from "node:test";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { address, told } from "./driver";

const FLAGS = [
  "--no-sandbox",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];
/** How long a page may take for anything on a busy machine. */
const PATIENCE_MS = 30_000;

let browser: Browser | undefined;
let failed = "";
const pages = new Set<Page>();
const complaints: string[] = [];
const expected: RegExp[] = [];

/** A new tab with cookies of its own. */
export async function open(options: BrowserContextOptions = {}): Promise<Page> {
  browser ??= await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });
  const context = await browser.newContext({
    baseURL: address,
    viewport: { width: 1280, height: 800 },
    ...options,
  });
  context.setDefaultTimeout(PATIENCE_MS);
  context.on("weberror", (error) => complaints.push(`exception: ${error.error().stack}`));
  context.on("console", (message) => {
    const { url, lineNumber } = message.location();
    if (message.type() === "error") complaints.push(`${message.text()} (${url}:${lineNumber})`);
  });
  context.on("page", (page) => {
    pages.add(page);
    page.on("close", () => pages.delete(page));
  });
  return context.newPage();
}

/** Complaints that match are part of what this chapter tests. */
export function expect(...patterns: RegExp[]): void {
  expected.push(...patterns);
}

/** A refused form and its like: Chromium tells of every answer from 400 on. */
export function expectStatus(...codes: number[]): void {
  expect(...codes.map((code) => new RegExp(`responded with a status of ${code} `)));
}

/** One behaviour. Chapters follow each other and share what they made; after a failure none is tried. */
export function chapter(name: string, body: () => Promise<void>, timeout = 90_000): void {
  test(name, { timeout }, async () => {
    if (failed) throw notTried();
    try {
      await body();
      const bad = complaints.filter((text) => !expected.some((pattern) => pattern.test(text)));
      if (bad.length > 0) throw new Error(`a page complained:\n${bad.join("\n")}`);
    } catch (error) {
      failed = name;
      await shoot();
      throw error;
    } finally {
      complaints.length = 0;
      expected.length = 0;
    }
  });
}

/** Short: the failure before it is the one to read. */
function notTried(): Error {
  const error = new Error(`not tried, as this failed before: ${failed}`);
  error.stack = error.message;
  return error;
}

/** What is to be seen when something went wrong. */
async function shoot(): Promise<void> {
  let number = 0;
  for (const page of pages) {
    number += 1;
    const path = join(told("ORLOP_SHOTS"), `${told("ORLOP_SPEC")}-${number}.png`);
    const taken = await page.screenshot({ path, fullPage: true, timeout: 5000 }).then(
      () => path,
      (error: Error) => error.message,
    );
    process.stdout.write(`${page.url()}: ${taken}\n`);
  }
  for (const text of complaints) process.stdout.write(`page: ${text}\n`);
}

after(async () => {
  await browser?.close();
});
