// The terminal of the shell page as a person has it: its keys and what its screen shows.
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { until } from "./driver";

export class Terminal {
  #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  /** Connected, and the prompt of the shell is there. */
  async ready(): Promise<void> {
    await this.#page.locator('.term-bar [data-link="open"]').waitFor();
    await this.sees(/[#$%] ?$/m);
  }

  /** What the screen shows, without the space at the ends of its lines. */
  async text(): Promise<string> {
    const rows = await this.#page.locator(".xterm-rows > div").allInnerTexts();
    return rows
      .map((row) => row.replaceAll("\u00a0", " ").trimEnd())
      .join("\n")
      .trimEnd();
  }

  /** Types a line. */
  async run(line: string): Promise<void> {
    await this.#page.locator(".xterm-helper-textarea").focus();
    await this.#page.keyboard.type(line);
    await this.#page.keyboard.press("Enter");
  }

  /** Waits until the screen shows this. */
  async sees(pattern: RegExp): Promise<void> {
    let text = "";
    try {
      await until(String(pattern), async () => {
        text = await this.text();
        return pattern.test(text);
      });
    } catch (error) {
      assert.fail(`${(error as Error).message}; the screen shows:\n${text}`);
    }
  }
}
