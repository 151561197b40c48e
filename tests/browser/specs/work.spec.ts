// Builds and other jobs while they go on: live output, cancelling, failures, uploads of folders and archives.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { chapter, expectStatus, open } from "../support/browser";
import { signUp } from "../support/console";
import { docker, told } from "../support/driver";

const page = await open();
const main = page.locator("main");
const build = main.getByRole("button", { name: "Build", exact: true });
const headState = (state: string) => page.locator(`h1 .badge[data-state="${state}"]`).waitFor();

/** Fills in a name and a typed Dockerfile, and sends the form. */
async function buildTyped(tag: string, text: string): Promise<void> {
  await page.goto("/builds/new");
  await page.getByLabel("Name of the image").fill(tag);
  await main.locator("summary", { hasText: "Write the Dockerfile here" }).click();
  await page.getByLabel("Dockerfile", { exact: true }).fill(text);
  await build.click();
}

/** A step of the build by some words of it. */
const step = (words: string) => page.locator(".step", { hasText: words });

chapter("the output of a step comes while it runs", async () => {
  await signUp(page);
  // The step waits until its first line was seen: a second build, which finds the port open, lets it go on.
  await buildTyped("waits", "FROM busybox\nRUN echo begun; nc -l -p 7 > /got; echo ended with $(cat /got)\n");
  await page.waitForURL("**/builds/*");
  await headState("working");
  await step("nc -l").locator(".log-line", { hasText: "begun" }).waitFor();
  assert.equal(await page.getByText("ended with").count(), 1, "only the instruction itself has it");
  assert.equal(await step("nc -l").getAttribute("data-state"), "running");
});

chapter("a list of builds shows it, and cancelling ends it", async () => {
  const list = await page.context().newPage();
  await list.goto("/builds");
  const row = list.locator("tbody tr", { hasText: "waits" });
  await row.locator('.badge[data-state="working"]').waitFor();
  await main.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("dialog").getByText("Cancel this build?").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel", exact: true }).last().click();
  await headState("cancelled");
  await row.locator('.badge[data-state="cancelled"]').waitFor();
  await list.close();
  await assert.rejects(docker("image", "inspect", "waits"));
});

chapter("a step that fails stays open and says with what", async () => {
  await buildTyped("fails", "FROM busybox\nRUN echo before it\nRUN echo the reason >&2; exit 42\nRUN true\n");
  await headState("failed");
  await main.getByText(/42/).first().waitFor();
  await step("exit 42")
    .locator('.log-line[data-stream="stderr"]', { hasText: /^the reason$/ })
    .waitFor();
  assert.equal(await step("exit 42").getAttribute("data-state"), "failed");
  await page.reload();
  await step("exit 42").getByText("the reason", { exact: true }).waitFor();
  await main.getByText("Build failed").waitFor();
});

chapter("steps that were done before come from the cache", async () => {
  await buildTyped("cached", "FROM busybox\nRUN echo before it\n");
  await headState("done");
  assert.equal(await step("echo before it").getAttribute("data-state"), "cached");
  await step("echo before it").getByText("cached").waitFor();
});

chapter("a folder is sent with what lies below, without what is ignored", async () => {
  const folder = join(told("ORLOP_FOLDER"), "project");
  await mkdir(join(folder, "src/deep"), { recursive: true });
  await writeFile(
    join(folder, "Dockerfile"),
    "FROM busybox\nCOPY . /all\nRUN cd /all && find . -type f | sort\n",
  );
  await writeFile(join(folder, ".dockerignore"), "*.log\n");
  await writeFile(join(folder, "noise.log"), "noise");
  await writeFile(join(folder, "src/deep/ünï code.txt"), "deep");
  await page.goto("/builds/new");
  await page.getByLabel("Name of the image").fill("tree");
  const chooser = page.waitForEvent("filechooser");
  await main.getByRole("button", { name: "Choose a folder" }).click();
  await (await chooser).setFiles(folder);
  await main.getByText("4 files").waitFor();
  await build.click();
  await headState("done");
  const files = await docker("run", "--rm", "tree", "sh", "-c", "cd /all && find . -type f | sort");
  assert.deepEqual(files.split("\n"), ["./.dockerignore", "./Dockerfile", "./src/deep/ünï code.txt"]);
});

chapter("an archive is sent alone, with arguments", async () => {
  const folder = join(told("ORLOP_FOLDER"), "packed");
  await mkdir(folder);
  await writeFile(
    join(folder, "Dockerfile"),
    "FROM busybox\nARG WORD\nCOPY file /file\nRUN echo $WORD $(cat /file)\n",
  );
  await writeFile(join(folder, "file"), "inside");
  await promisify(execFile)("tar", ["-czf", `${folder}.tar.gz`, "-C", folder, "."]);
  await page.goto("/builds/new");
  await page.getByLabel("Name of the image").fill("packed");
  await main.locator("summary", { hasText: "Arguments and cache" }).click();
  await page.getByLabel("Build arguments").fill("WORD=hello");
  const chooser = page.waitForEvent("filechooser");
  await main.getByRole("button", { name: "Choose files" }).click();
  await (await chooser).setFiles(`${folder}.tar.gz`);
  await build.click();
  await headState("done");
  await step("echo $WORD").locator("summary").click();
  await step("echo $WORD").getByText("hello inside", { exact: true }).waitFor();
});

chapter("a refused upload shows why and keeps the files", async () => {
  expectStatus(422);
  const chosen = [
    { name: "Dockerfile", mimeType: "text/plain", buffer: Buffer.from("FROM busybox\nCOPPY a /a\n") },
    { name: "a", mimeType: "text/plain", buffer: Buffer.from("a") },
  ];
  await page.goto("/builds/new");
  await page.getByLabel("Name of the image").fill("wrong");
  const choose = async (files: typeof chosen) => {
    const chooser = page.waitForEvent("filechooser");
    await main.getByRole("button", { name: "Choose files" }).click();
    await (await chooser).setFiles(files);
  };
  await choose(chosen);
  await build.click();
  await main.getByText(/COPPY/).waitFor();
  await main.getByText("2 files").waitFor();
  await choose([
    { name: "Dockerfile", mimeType: "text/plain", buffer: Buffer.from("FROM busybox\nCOPY a /a\n") },
  ]);
  await main.getByText("2 files").waitFor();
  await build.click();
  await headState("done");
});

chapter("jobs of every kind are on one list, which follows them", async () => {
  await page.goto("/jobs");
  await page.locator("tbody tr", { hasText: "tree" }).waitFor();
  const rows = await page.locator("tbody tr").count();
  const other = await page.context().newPage();
  await other.goto("/images/import");
  await other.getByLabel("Name", { exact: true }).fill("another");
  const chooser = other.waitForEvent("filechooser");
  await other.getByRole("button", { name: "Choose a file" }).click();
  await (await chooser).setFiles(told("ORLOP_BUSYBOX"));
  await other.getByRole("button", { name: "Import" }).click();
  await other.locator('orlop-job[data-state="done"]').waitFor();
  await other.close();
  const row = page.locator("tbody tr").first();
  await row.getByText("Import", { exact: true }).waitFor();
  await row.locator('.badge[data-state="done"]').waitFor();
  assert.equal(await page.locator("tbody tr").count(), rows + 1);
  await row.getByRole("link", { name: /^Image of/ }).click();
  await main.getByRole("heading", { level: 1, name: "another" }).waitFor();
});

chapter("the list of images follows what happens elsewhere", async () => {
  await page.goto("/images");
  const row = page.locator("tbody tr", { hasText: "tree" });
  await row.waitFor();
  await docker("tag", "tree", "forest:2");
  await row.getByRole("link", { name: "forest:2", exact: true }).waitFor();
  await docker("rmi", "tree", "forest:2");
  await row.waitFor({ state: "detached" });
});

chapter("a pull from a registry that is not there fails with its reason", async () => {
  await page.goto("/images/pull");
  await page.getByLabel("Image", { exact: true }).fill("127.0.0.1:1/nothing");
  await main.getByRole("button", { name: "Pull", exact: true }).click();
  await page.locator('orlop-job[data-state="failed"]').waitFor();
  await main
    .getByText(/127\.0\.0\.1:1/)
    .first()
    .waitFor();
});
