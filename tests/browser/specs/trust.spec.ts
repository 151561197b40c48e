// What the console does not let others do: guess passwords, act through a page of theirs, go on after a log-out,
// or run anything by the names and texts that containers and files bring along.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { chapter, expect, expectStatus, open } from "../support/browser";
import { logIn, NAME, PASSWORD, signUp } from "../support/console";
import { address, docker, told, until } from "../support/driver";
import { Terminal } from "../support/terminal";

const page = await open();
const main = page.locator("main");
const EVIL = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;

/** Nothing that a text brought along became part of the page. */
async function assertInert(): Promise<void> {
  assert.equal(
    await page.locator("main img, main script, main [onerror], main iframe").count(),
    0,
    page.url(),
  );
  assert.doesNotMatch(await page.title(), /^owned/, page.url());
}

chapter("the token works once, and every answer carries the policy", async () => {
  await signUp(page);
  const answer = await page.goto("/containers");
  const policy = answer?.headers()["content-security-policy"] ?? "";
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe/);
  const [cookie] = (await page.context().cookies()).filter(
    (one) => one.httpOnly && one.sameSite === "Strict",
  );
  assert.ok(cookie, "the session's cookie is out of reach for scripts and other sites");
  const other = await open();
  await other.goto(`/signup?token=${told("ORLOP_TOKEN")}`);
  await other.waitForURL("**/login");
  await other.close();
});

chapter(
  "a wrong password is refused in the same words as a wrong name, and tries are slowed down",
  async () => {
    expectStatus(422, 429);
    const other = await open();
    await other.goto("/login");
    const words = async (name: string, password: string) => {
      await other.getByLabel("User name").fill(name);
      await other.getByLabel("Password").fill(password);
      await other.getByRole("button", { name: "Log in" }).click();
      await other.waitForFunction(() => document.readyState === "complete");
      return other.locator("[role=alert], .field-error").first().innerText();
    };
    const wrong = await words(NAME, "not the password");
    assert.equal(await words("nobody", "not the password"), wrong);
    assert.equal(await other.getByLabel("User name").inputValue(), "nobody");
    assert.equal(await other.getByLabel("Password").inputValue(), "");
    await until("the tries are slowed down", async () =>
      /wait \d+ second/.test(await words("mallory", "guess")),
    );
    await other.goto("/login");
    await logIn(other);
    await other.waitForURL("**/containers");
    await other.close();
  },
);

chapter("a page of another site cannot act or listen here", async () => {
  expect(/WebSocket/, /ERR_BLOCKED_BY_RESPONSE/, /403/, /ERR_FAILED/, /blocked by CORS/);
  await docker("run", "-d", "--name", "victim", "busybox", "sleep", "100000");
  const id = await docker("inspect", "--format", "{{.Id}}", "victim");
  const site = createServer((_, answer) => {
    answer.setHeader("content-type", "text/html");
    answer.end(
      `<title>elsewhere</title><form method="post" action="${address}/containers/${id}/kill"><button>Win</button></form>`,
    );
  }).listen(0, "127.0.0.1");
  await once(site, "listening");
  const place = site.address();
  const port = typeof place === "object" && place ? place.port : 0;
  // By another name it is another site; by the same name only another port, whose cookies are the same.
  for (const host of ["localhost", "127.0.0.1"]) {
    const other = await page.context().newPage();
    await other.goto(`http://${host}:${port}/`);
    const heard = await other.evaluate(async (target) => {
      const socket = new WebSocket(`${target.replace("http", "ws")}/live/containers`);
      return new Promise<string>((resolve) => {
        socket.onmessage = () => resolve("heard");
        socket.onerror = () => resolve("refused");
      });
    }, address);
    assert.equal(heard, "refused", host);
    const read = await other.evaluate(
      (url) =>
        fetch(url, { credentials: "include" }).then(
          () => "read",
          () => "refused",
        ),
      address,
    );
    assert.equal(read, "refused", host);
    await other.getByRole("button", { name: "Win" }).click();
    await other.getByText("This request came from a page of another site and was refused.").waitFor();
    await other.close();
  }
  site.close();
  assert.equal(await docker("inspect", "--format", "{{.State.Status}}", "victim"), "running");
});

chapter("a form without its token is refused", async () => {
  expectStatus(403);
  const id = await docker("inspect", "--format", "{{.Id}}", "victim");
  const send = (body: string) =>
    page.evaluate(
      async ([path, text]) => {
        const headers = { "content-type": "application/x-www-form-urlencoded" };
        return (await fetch(path ?? "", { method: "POST", headers, body: text ?? "", redirect: "manual" }))
          .status;
      },
      [`/containers/${id}/kill`, body],
    );
  assert.equal(await send(""), 403);
  assert.equal(await send(`csrf=${"0".repeat(64)}`), 403);
  assert.equal(await docker("inspect", "--format", "{{.State.Status}}", "victim"), "running");
});

chapter("texts of containers and files are texts", async () => {
  expectStatus(422, 404);
  await docker(
    "run",
    "-d",
    "--name",
    "texts",
    "--label",
    `<b>=${EVIL}`,
    "--env",
    `EVIL=${EVIL}`,
    "busybox",
    "sh",
    "-c",
    `echo '${EVIL.replaceAll("'", "`")}'; sleep 100000; true`,
    EVIL,
  );
  await page.goto("/containers");
  await page.getByRole("link", { name: "texts", exact: true }).click();
  await main.locator("code", { hasText: "<img src=x" }).first().waitFor();
  for (const fold of await main.locator("details.more summary").all()) await fold.click();
  await assertInert();
  await main.getByRole("link", { name: "Logs" }).click();
  await page.locator(".log-line", { hasText: "<img src=x" }).waitFor();
  await assertInert();
  await main.getByRole("link", { name: "Resources" }).click();
  await main.getByText("<img src=x").first().waitFor();
  await assertInert();
  await page.goto("/images/import");
  await page.getByLabel("Name", { exact: true }).fill("text");
  const chooser = page.waitForEvent("filechooser");
  await main.getByRole("button", { name: "Choose a file" }).click();
  await (await chooser).setFiles({
    name: `${EVIL.replaceAll("/", "")}.tar`,
    mimeType: "application/x-tar",
    buffer: Buffer.from("no archive"),
  });
  await main.getByRole("button", { name: "Import" }).click();
  await main
    .getByText(/<img src=x/)
    .first()
    .waitFor();
  await assertInert();
  for (const path of [
    `/containers?q=${encodeURIComponent(EVIL)}`,
    `/containers/${encodeURIComponent(EVIL)}`,
    `/images?q=${encodeURIComponent(EVIL)}`,
    `/login?next=${encodeURIComponent("javascript:alert(1)")}`,
  ]) {
    await page.goto(path);
    await assertInert();
  }
});

chapter("texts of a build are texts while it runs and afterwards", async () => {
  await page.goto("/builds/new");
  await page.getByLabel("Name of the image").fill("texts");
  await main.locator("summary", { hasText: "Write the Dockerfile here" }).click();
  const label = EVIL.replaceAll('"', "'");
  await page
    .getByLabel("Dockerfile", { exact: true })
    .fill(`FROM busybox\nLABEL evil="${label}"\nRUN echo "${label}" | tee /dev/stderr\n`);
  await main.getByRole("button", { name: "Build", exact: true }).click();
  await page.locator('h1 .badge[data-state="done"]').waitFor();
  await assertInert();
  await page.reload();
  await main.getByText("<img src=x").first().waitFor();
  await assertInert();
  await main.getByRole("link", { name: "Show the image" }).click();
  await main.getByText("<img src=x").first().waitFor();
  await assertInert();
});

chapter("a log-out ends what is open in other tabs, and a log-in leads back", async () => {
  await page.goto("/containers");
  await page.getByRole("link", { name: "victim", exact: true }).click();
  await main.getByRole("link", { name: "Terminal" }).click();
  await main.getByRole("button", { name: "Open terminal" }).click();
  const terminal = new Terminal(page);
  await terminal.ready();
  await terminal.run("kept=treasure");
  const place = page.url();
  const list = await page.context().newPage();
  await list.goto("/containers");
  await list.locator('orlop-live[data-link="open"]').waitFor();
  const last = await page.context().newPage();
  await last.goto("/images");
  await last.getByRole("button", { name: "Log out" }).click();
  await last.getByText("You are logged out.").waitFor();
  await page.waitForURL("**/login?next=*");
  await list.waitForURL("**/login*");
  await last.goto("/containers");
  await last.waitForURL("**/login");
  await logIn(page, PASSWORD);
  await page.waitForURL(place);
  await terminal.ready();
  await terminal.run("echo still $kept");
  await terminal.sees(/^still treasure$/m);
});
