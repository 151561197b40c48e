// How pages look with a lot in them: containers in every state, long names and texts, logs, terminals, builds.
import assert from "node:assert/strict";
import { chapter, open } from "../support/browser";
import { signUp } from "../support/console";
import { docker } from "../support/driver";
import { inspect, unfold, visit } from "../support/looks";
import { Terminal } from "../support/terminal";

const LONG = "a-name-as-long-as-some-people-like-to-give-to-their-containers-and-then-a-bit-more";

const page = await open({ reducedMotion: "reduce" });
const main = page.locator("main");

chapter("lists and containers in all states, with long names", async () => {
  await signUp(page);
  await docker("tag", "busybox", `registry.example.com/${LONG}/${LONG}:latest`);
  const limits = [
    "-m",
    "64m",
    "--restart",
    "on-failure:3",
    "--read-only",
    "-v",
    "data:/data",
    "--env",
    `WORD=${"x".repeat(300)}`,
  ];
  const labels = ["--label", "team=web", "-p", "127.0.0.1::80", "-p", "127.0.0.1::53/udp"];
  const script = `echo ${"long ".repeat(80)}; printf '\\033[31mred\\033[0m\\n' >&2; sleep 100000`;
  await docker("run", "-d", "--name", LONG, ...limits, ...labels, "busybox", "sh", "-c", script);
  await docker("run", "-d", "--name", "paused", "busybox", "sleep", "100000");
  await docker("pause", "paused");
  await docker("run", "--name", "ended", "busybox", "true");
  await docker("create", "--name", "created", "busybox", "true");
  await assert.rejects(docker("run", "--name", "failed", "busybox", "/no/such/program"));
  await visit(page, "/containers");
  await visit(page, "/containers?state=running");
  await visit(page, "/images");
  await page.goto("/containers");
  for (const [name, folds] of [
    ["ended", false],
    ["failed", false],
    [LONG, true],
  ] as const) {
    await page.goto("/containers");
    await page.getByRole("link", { name, exact: true }).click();
    if (folds) await unfold(page, "details.more");
    await inspect(page);
  }
  await page.getByLabel("More actions").click();
  await main.getByRole("button", { name: "Pause", exact: true }).waitFor();
  await inspect(page);
  await page.keyboard.press("Escape");
});

chapter("logs, terminal and resources", async () => {
  await main.getByRole("link", { name: "Logs" }).click();
  await page.locator(".log-line", { hasText: "red" }).waitFor();
  await inspect(page);
  await main.getByRole("link", { name: "Resources" }).click();
  await page.locator('[data-stat="memory"][data-kind="text"]', { hasText: /iB/ }).waitFor();
  await inspect(page);
  await main.getByRole("link", { name: "Terminal" }).click();
  await inspect(page);
  await main.getByRole("button", { name: "Open terminal" }).click();
  await new Terminal(page).ready();
  await inspect(page);
});

chapter("builds, jobs and an image", async () => {
  for (const [tag, last, state] of [
    ["good", "true", "done"],
    ["bad", "exit 3", "failed"],
  ] as const) {
    await page.goto("/builds/new");
    await page.getByLabel("Name of the image").fill(tag);
    await main.locator("summary", { hasText: "Write the Dockerfile here" }).click();
    await page
      .getByLabel("Dockerfile", { exact: true })
      .fill(`FROM busybox\nRUN echo ${"long ".repeat(60)}\nRUN ${last}\nEXPOSE 80\n`);
    await main.getByRole("button", { name: "Build", exact: true }).click();
    await page.locator(`h1 .badge[data-state="${state}"]`).waitFor();
    await unfold(page, ".step details");
    await inspect(page);
    await page.reload();
    await inspect(page);
  }
  await visit(page, "/builds");
  await visit(page, "/jobs");
  await main.getByRole("link", { name: /^Image of good/ }).click();
  await main.getByRole("heading", { level: 1, name: "good" }).waitFor();
  await inspect(page);
});

chapter("logged out", async () => {
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByText("You are logged out.").waitFor();
  await inspect(page);
});
