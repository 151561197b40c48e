// The core journey with scripts switched off: every action is a plain form that leads to the next page.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { chapter, open } from "../support/browser";
import { create, inState, logIn, signUp } from "../support/console";
import { docker, told, until } from "../support/driver";

const page = await open({ javaScriptEnabled: false });

/** Presses a button of a container's page, which folds the rarer ones away. */
async function press(name: string): Promise<void> {
  const button = page.locator("main").getByRole("button", { name, exact: true });
  if (!(await button.isVisible())) await page.locator(".page-actions details.menu summary").click();
  await button.click();
}

/** Reloads until something is to be seen; without scripts a page does not change by itself. */
async function reloadUntil(selector: string): Promise<void> {
  await until(
    selector,
    async () => {
      if (await page.locator(selector).first().isVisible()) return true;
      await page.reload();
      return false;
    },
    60_000,
  );
}

chapter("signing up, logging out and logging in", async () => {
  await signUp(page);
  await page.getByRole("heading", { name: "No containers yet" }).waitFor();
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByText("You are logged out.").waitFor();
  await page.goto("/images");
  await page.waitForURL("**/login?next=%2Fimages");
  await logIn(page);
  await page.waitForURL("**/images");
});

chapter("a theme is chosen and kept", async () => {
  await page.getByRole("button", { name: "Dark theme" }).click();
  await page.locator('html[data-theme="dark"]').waitFor();
  await page.goto("/builds");
  await page.locator('html[data-theme="dark"]').waitFor();
});

chapter("an image is imported from a file", async () => {
  await page.goto("/images/import");
  await page.getByLabel("Name", { exact: true }).fill("busybox");
  await page.locator("summary", { hasText: "Configuration" }).click();
  await page.getByLabel("Dockerfile instructions").fill('CMD ["sh"]');
  await page.getByLabel("File", { exact: true }).setInputFiles(told("ORLOP_BUSYBOX"));
  await page.getByRole("button", { name: "Import" }).click();
  await page.waitForURL("**/jobs/*");
  await reloadUntil('.badge[data-state="done"]');
  await page.getByRole("link", { name: "Show the image" }).click();
  await page.getByRole("heading", { level: 1, name: "busybox" }).waitFor();
});

chapter("an image is built from files and gets a further name", async () => {
  await page.goto("/builds/new");
  await page.getByLabel("Name of the image").fill("greeter:1");
  await page.getByLabel("Files", { exact: true }).setInputFiles([
    {
      name: "Dockerfile",
      mimeType: "text/plain",
      buffer: Buffer.from(
        'FROM busybox\nSTOPSIGNAL KILL\nCOPY greeting /greeting\nRUN echo built with $(cat /greeting)\nCMD ["sh", "-c", "cat /greeting; sleep 1000"]\n',
      ),
    },
    { name: "greeting", mimeType: "text/plain", buffer: Buffer.from("good morning\n") },
  ]);
  await page.getByRole("button", { name: "Build" }).click();
  await page.waitForURL("**/builds/*");
  await reloadUntil('h1 .badge[data-state="done"]');
  await page.getByText("The image is ready.").waitFor();
  await page.locator("summary", { hasText: "RUN echo built" }).click();
  await page.getByText("built with good morning").waitFor();
  await page.getByRole("link", { name: "Show the image" }).click();
  await page.getByText("echo built with").first().waitFor();
  await page.getByLabel("Further name").fill("greeter:latest");
  await page.getByRole("button", { name: "Add name" }).click();
  await page.locator(".tag", { hasText: "greeter:latest" }).waitFor();
});

chapter("a container goes through all of its states", async () => {
  await create(page, { image: "greeter:1", name: "one", only: true });
  await inState(page, "created");
  await press("Start");
  await inState(page, "running");
  await press("Pause");
  await inState(page, "paused");
  await press("Go on");
  await inState(page, "running");
  const pid = await docker("inspect", "--format", "{{.State.Pid}}", "one");
  await press("Restart");
  await page.getByText("one restarted.").waitFor();
  await inState(page, "running");
  assert.notEqual(await docker("inspect", "--format", "{{.State.Pid}}", "one"), pid);
  await press("Stop");
  await inState(page, "exited");
  await press("Start");
  await inState(page, "running");
  await press("Kill");
  await inState(page, "exited");
  await page.getByText("code 137 (signal 9)").waitFor();
});

chapter("a container is renamed, and its log is read and downloaded", async () => {
  await page.getByLabel("Rename").fill("uno");
  await page.getByRole("button", { name: "Rename" }).click();
  await page.getByRole("heading", { level: 1, name: "uno" }).waitFor();
  await page.getByRole("link", { name: "Logs" }).click();
  await page.locator(".log-line", { hasText: "good morning" }).first().waitFor();
  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download all" }).click();
  const text = readFileSync(await (await download).path(), "utf8");
  assert.equal(text, "good morning\n".repeat(3));
});

chapter("the terminal says what it needs", async () => {
  await page.getByRole("link", { name: "Terminal" }).click();
  await page.getByText("A terminal needs a running container.").waitFor();
  await page.locator(".empty").getByRole("button", { name: "Start" }).click();
  await page.getByRole("button", { name: "Open terminal" }).click();
  await page.getByText("A terminal needs JavaScript.").waitFor();
  await page.getByText("docker exec -it uno sh").waitFor();
});

chapter("a container that runs is removed, and then its images", async () => {
  await page.getByRole("link", { name: "Overview" }).click();
  await press("Remove");
  await page.getByText("uno removed.").waitFor();
  await page.getByRole("heading", { name: "No containers yet" }).waitFor();
  for (const name of ["greeter", "busybox"]) {
    await page.goto("/images");
    await page.getByRole("link", { name, exact: false }).first().click();
    await page.locator(".page-actions").getByRole("button", { name: "Remove" }).click();
    await page.waitForURL("**/images");
  }
  await page.getByRole("heading", { name: "No images yet" }).waitFor();
});
