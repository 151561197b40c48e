// Pages stay true while one looks at them, whoever makes the change; and every button of the list and of a
// container's page does what it says.
import assert from "node:assert/strict";
import { chapter, open } from "../support/browser";
import { inState, signUp } from "../support/console";
import { docker, until } from "../support/driver";

const page = await open();
const main = page.locator("main");
const dialog = page.getByRole("dialog");

/** The row of a container in the list. */
const row = (name: string) =>
  page.locator("tbody tr", { has: page.getByRole("link", { name, exact: true }) });
/** Waits for a state in a row. */
const rowIn = (name: string, state: string) => row(name).locator(`.badge[data-state="${state}"]`).waitFor();

/** Presses a button of a row, in its menu if it is there. */
async function press(name: string, button: string): Promise<void> {
  const wanted = row(name).getByRole("button", { name: button, exact: true });
  if (!(await wanted.isVisible())) await row(name).getByLabel(`More actions of ${name}`).click();
  await wanted.click();
}

/** A container that ends at once when it is told to. */
const run = (name: string) =>
  docker("run", "-d", "--name", name, "--stop-signal", "KILL", "busybox", "sleep", "100000");

chapter("the list follows what happens elsewhere", async () => {
  await signUp(page);
  await main.getByRole("heading", { name: "No containers yet" }).waitFor();
  await run("web");
  await rowIn("web", "running");
  assert.equal(await main.getByRole("heading", { name: "No containers yet" }).isVisible(), false);
  await main.getByRole("link", { name: "Running 1" }).waitFor();
  await docker("pause", "web");
  await rowIn("web", "paused");
  await main.getByRole("link", { name: "Paused 1" }).waitFor();
  await docker("unpause", "web");
  await rowIn("web", "running");
  await docker("rename", "web", "shop");
  await rowIn("shop", "running");
  await docker("stop", "shop");
  await rowIn("shop", "exited");
  await row("shop").getByText("code 137").waitFor();
  await docker("rm", "shop");
  await main.getByRole("heading", { name: "No containers yet" }).waitFor();
});

chapter("figures appear in the list", async () => {
  await docker(
    "run",
    "-d",
    "--name",
    "busy",
    "--stop-signal",
    "KILL",
    "busybox",
    "sh",
    "-c",
    "while :; do :; done",
  );
  const cpu = row("busy").locator('[data-stat="cpu"]');
  await until("a share of the CPU", async () => Number.parseFloat(await cpu.innerText()) > 5);
  await row("busy")
    .locator('[data-stat="memory"]')
    .getByText(/[KM]iB/)
    .waitFor();
  await docker("rm", "-f", "busy");
});

chapter("the buttons of the list", async () => {
  await run("one");
  await rowIn("one", "running");
  await press("one", "Stop");
  await main.getByText("one stopped.").waitFor();
  await rowIn("one", "exited");
  await press("one", "Start");
  await main.getByText("one started.").waitFor();
  await rowIn("one", "running");
  const started = await docker("inspect", "--format", "{{.State.StartedAt}}", "one");
  await press("one", "Restart");
  await main.getByText("one restarted.").waitFor();
  assert.notEqual(await docker("inspect", "--format", "{{.State.StartedAt}}", "one"), started);
  await press("one", "Pause");
  await rowIn("one", "paused");
  await press("one", "Go on");
  await rowIn("one", "running");
  await press("one", "Kill");
  await dialog.getByText("Kill one?").waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await rowIn("one", "running");
  await press("one", "Kill");
  await dialog.getByRole("button", { name: "Kill" }).click();
  await rowIn("one", "exited");
  await press("one", "Remove");
  await dialog.getByText("Remove one?").waitFor();
  await dialog.getByRole("button", { name: "Remove" }).click();
  await main.getByText("one removed.").waitFor();
  assert.equal(await docker("ps", "-aq"), "");
});

chapter("the filter and the search keep to what was asked for", async () => {
  await run("alpha");
  await run("beta");
  await docker("stop", "beta");
  await main.getByRole("link", { name: /^Running/ }).click();
  await rowIn("alpha", "running");
  assert.equal(await row("beta").count(), 0);
  await docker("start", "beta");
  await rowIn("beta", "running");
  await main.getByLabel("Search containers").fill("alp");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/containers?q=alp&state=running");
  await rowIn("alpha", "running");
  assert.equal(await row("beta").count(), 0);
  await main.getByLabel("Search containers").fill("zzz");
  await page.keyboard.press("Enter");
  await main.getByRole("heading", { name: "Nothing matches" }).waitFor();
  await docker("rm", "-f", "beta");
});

chapter("the page of a container follows it, and its buttons work", async () => {
  await page.goto("/containers");
  await page.getByRole("link", { name: "alpha", exact: true }).click();
  await inState(page, "running");
  const press = (name: string) => main.getByRole("button", { name, exact: true }).click();
  const more = () => page.getByLabel("More actions").click();
  await docker("pause", "alpha");
  await inState(page, "paused");
  await press("Go on");
  await inState(page, "running");
  await more();
  await press("Pause");
  await inState(page, "paused");
  await press("Stop");
  await inState(page, "exited");
  await main.getByText("code 137 (signal 9)").waitFor();
  await press("Start");
  await inState(page, "running");
  const pid = await docker("inspect", "--format", "{{.State.Pid}}", "alpha");
  await main.locator(".kv").getByText(pid, { exact: true }).waitFor();
  await press("Restart");
  await main.getByText("alpha restarted.").waitFor();
  await more();
  await press("Kill");
  await dialog.getByRole("button", { name: "Kill" }).click();
  await inState(page, "exited");
  await docker("start", "alpha");
  await inState(page, "running");
});

chapter("its resources are measured while it runs", async () => {
  await main.getByRole("link", { name: "Resources" }).click();
  await main.locator('[data-stat="memory"][data-kind="text"]', { hasText: /[KM]iB/ }).waitFor();
  await main.locator('[data-kind="spark"] .spark-line').first().waitFor({ state: "attached" });
  await main.getByRole("cell", { name: "sleep 100000" }).waitFor();
  await docker("stop", "alpha");
  await main.getByText("What a container uses can be seen while it runs.").waitFor();
  await main.locator(".empty").getByRole("button", { name: "Start" }).click();
  await main.locator('[data-stat="memory"][data-kind="text"]').waitFor();
});

chapter("a container that is removed elsewhere leaves a page that says so", async () => {
  await main.getByRole("link", { name: "Overview" }).click();
  await inState(page, "running");
  await docker("rm", "-f", "alpha");
  await page
    .locator(".toast", { hasText: "alpha" })
    .or(main.getByText(/no longer|No such/i))
    .first()
    .waitFor();
});
