// The live log: it follows, colours, tells the streams apart, shows hostile bytes as text, and goes on after the
// death of the server without loss or repeats.
import assert from "node:assert/strict";
import { chapter, expect, open } from "../support/browser";
import { create, signUp } from "../support/console";
import { docker, killServer, launchServer, until } from "../support/driver";

const page = await open();
const lines = page.locator("orlop-logs .log-line > span");
const COUNTING = "i=0; while true; do echo line $i; i=$((i+1)); sleep 0.02; done";

/** Waits until the stream's rows have taken the place of the server's. */
async function live(): Promise<void> {
  await page.locator('.log-link[data-link="open"]').waitFor();
  await page.locator(".log-tools button:enabled", { hasText: "Clear view" }).waitFor();
}

/** Opens the log page of a container by its tab. */
async function openLogs(name: string): Promise<void> {
  await page.goto(`/containers/${await docker("inspect", "--format", "{{.Id}}", name)}`);
  await page.getByRole("link", { name: "Logs" }).click();
  await live();
}

/** The numbers of the counting container that the page shows. */
async function numbers(): Promise<number[]> {
  const texts = await lines.allInnerTexts();
  return texts.map((text) => Number(text.replace("line ", "")));
}

function assertGapless(shown: number[]): void {
  for (const [index, number] of shown.entries()) {
    assert.equal(number, (shown[0] ?? 0) + index, `${shown.slice(Math.max(0, index - 2), index + 2)}`);
  }
}

chapter("an empty log says so, and fills while one looks", async () => {
  await signUp(page);
  await docker("create", "--name", "slow", "busybox", "sh", "-c", "echo it begins; sleep 1000");
  await openLogs("slow");
  assert.equal(await lines.count(), 0);
  await docker("start", "slow");
  await lines.getByText("it begins").waitFor();
  await page.locator('h1 .badge[data-state="running"]').waitFor();
  await docker("kill", "slow");
  await page.getByText("The container ended with code 137").waitFor();
});

chapter("the streams are told apart, and one of them can be shown alone", async () => {
  const script = "echo to out; echo to err >&2; sleep 1000";
  await create(page, { image: "busybox", name: "streams", more: { Command: `sh -c '${script}'` } });
  await openLogs("streams");
  await page.locator('.log-line[data-stream="stdout"]', { hasText: "to out" }).waitFor();
  await page.locator('.log-line[data-stream="stderr"]', { hasText: "to err" }).waitFor();
  await page.getByLabel("Which output").selectOption({ label: "Errors only" });
  await page.getByText("to out").waitFor({ state: "hidden" });
  assert.ok(await page.getByText("to err").isVisible());
  await page.getByLabel("Which output").selectOption({ label: "All output" });
  await page.getByText("to out").waitFor();
});

chapter("colours are colours and hostile bytes are text", async () => {
  const hostile = [
    String.raw`\033[31mred\033[0m plain \033[1;32mbold green\033[m`,
    `<img src=x onerror=alert(1)><script>document.title="owned"</script>`,
    String.raw`\033]0;owned\007\033]8;;javascript:alert(1)\007link\033]8;;\007`,
    String.raw`\033[2J\033[Hcleared? \x00\x01\xff\xfe end`,
  ].join("\\n");
  await docker("run", "-d", "--name", "hostile", "busybox", "printf", `${hostile}\\n`);
  await openLogs("hostile");
  await lines.locator(".fg1", { hasText: "red" }).waitFor();
  await lines.locator(".sgr-b.fg2", { hasText: "bold green" }).waitFor();
  await lines.getByText('<img src=x onerror=alert(1)><script>document.title="owned"</script>').waitFor();
  await lines.getByText("cleared?").waitFor();
  assert.equal(
    await page.locator("orlop-logs img, orlop-logs script, orlop-logs a[href^='javascript']").count(),
    0,
  );
  assert.match(await page.title(), /^Logs of hostile/);
  const all = (await lines.allInnerTexts()).join("\n");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: their absence is what is tested
  assert.doesNotMatch(all, /[\x00-\x08\x1b]/);
});

chapter("a long log opens at its end, and older lines are there when one scrolls up", async () => {
  await docker(
    "run",
    "--name",
    "long",
    "busybox",
    "sh",
    "-c",
    "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done",
  );
  await openLogs("long");
  await lines.getByText("line 2999", { exact: true }).waitFor();
  const list = page.locator("orlop-logs .log");
  const below = () => list.evaluate((node) => node.scrollHeight - node.clientHeight - node.scrollTop);
  await until("the end", async () => (await below()) < 20);
  assertGapless(await numbers());
  await list.evaluate((node) => {
    node.scrollTop = 0;
  });
  await lines.getByText("line 2500", { exact: true }).waitFor();
  await page.getByRole("button", { name: /newer lines|Follow/ }).click();
  await until("the end", async () => (await below()) < 20);
});

chapter("the log goes on after the death of the server, without loss or repeats", async () => {
  expect(/WebSocket/, /ERR_CONNECTION_REFUSED/);
  await docker("run", "-d", "--name", "counter", "busybox", "sh", "-c", COUNTING);
  await openLogs("counter");
  await until("some lines", async () => (await lines.count()) > 30);
  await killServer();
  await page.locator('.log-link[data-link="waiting"]').waitFor();
  const before = await numbers();
  await launchServer();
  const last = before.at(-1) ?? 0;
  await until("the lines that follow", async () => ((await numbers()).at(-1) ?? 0) > last + 50);
  await page.locator('.log-link[data-link="open"]').waitFor();
  const after = await numbers();
  assertGapless(after);
  assert.equal(after[0], 0, "nothing was lost at the beginning");
});

chapter("a view can be cleared and its times hidden, and a reload keeps the choice", async () => {
  await page.getByRole("button", { name: "Times" }).click();
  await page.locator("orlop-logs .log-line > time").first().waitFor({ state: "hidden" });
  await page.reload();
  await live();
  await lines.first().waitFor();
  assert.ok(!(await page.locator("orlop-logs .log-line > time").first().isVisible()));
  const newest = (await numbers()).at(-1) ?? 0;
  await page.getByRole("button", { name: "Clear view" }).click();
  await until("only new lines", async () => ((await numbers())[0] ?? 0) > newest);
});
