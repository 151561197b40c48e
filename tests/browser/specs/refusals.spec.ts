// What is wrong is said beside its field, and what was typed stays; a wrong Dockerfile is refused with its line
// before anything runs. Without scripts: the server says it all by itself.
import assert from "node:assert/strict";
import { chapter, expectStatus, open } from "../support/browser";
import { reveal, signUp } from "../support/console";
import { docker } from "../support/driver";

const page = await open({ javaScriptEnabled: false });

/** The words of the error that belongs to the field with this label. */
async function errorOf(label: string): Promise<string> {
  const field = page.getByLabel(label, { exact: true });
  assert.equal(await field.getAttribute("aria-invalid"), "true", label);
  assert.ok(await field.isVisible(), `${label} is folded away`);
  const ids = (await field.getAttribute("aria-describedby")) ?? "";
  return page.locator(`#${ids.split(" ")[0]}`).innerText();
}

/** Fills the form of a new container and sends it, which is to be refused. */
async function refused(fields: Record<string, string>): Promise<void> {
  await page.goto("/containers/new");
  for (const [label, value] of Object.entries({ Image: "busybox", ...fields })) {
    await reveal(page, label);
    await page.getByLabel(label, { exact: true }).fill(value);
  }
  await page.getByRole("button", { name: "Create and start" }).click();
  await page.locator(".field-error, [role=alert]").first().waitFor();
}

chapter("a sign-up with a wrong token, a short password or two passwords is refused", async () => {
  expectStatus(422);
  await page.goto("/");
  const send = async (token: string, password: string, again: string) => {
    await page.getByLabel("Sign-up token").fill(token);
    await page.getByLabel("User name").fill("ada");
    await page.getByLabel("Password", { exact: true }).fill(password);
    await page.getByLabel("Password again").fill(again);
    await page.getByRole("button", { name: "Create account" }).click();
    await page.locator(".field-error").waitFor();
  };
  await send("not-the-token", "four plain words here", "four plain words here");
  assert.match(await errorOf("Sign-up token"), /token/);
  await send(process.env["ORLOP_TOKEN"] ?? "", "short", "short");
  assert.match(await errorOf("Password"), /10/);
  await send(process.env["ORLOP_TOKEN"] ?? "", "four plain words here", "five plain words here");
  assert.match(await errorOf("Password again"), /differ/);
  assert.equal(await page.getByLabel("User name").inputValue(), "ada");
  await signUp(page);
});

chapter("every wrong field of a new container has its words", async () => {
  expectStatus(422);
  await refused({
    Name: "web front",
    Command: "echo 'unfinished",
    "Published ports": "80:http",
    Environment: "=nothing",
    "Volumes and host paths": "relative/path:data",
    Memory: "much",
    CPUs: "-1",
    Processes: "few",
    "Working directory": "here",
    "Host name": "-bad-",
    Labels: "no value",
  });
  const expected: [string, RegExp][] = [
    ["Name", /name/i],
    ["Command", /quot/i],
    ["Published ports", /http/],
    ["Environment", /NAME=value/],
    ["Volumes and host paths", /./],
    ["Memory", /much|size/i],
    ["CPUs", /number of CPUs/],
    ["Processes", /./],
    ["Working directory", /begins with \//],
    ["Host name", /letters/],
    ["Labels", /NAME=value/],
  ];
  for (const [label, words] of expected) assert.match(await errorOf(label), words, label);
  assert.equal(await page.getByLabel("Published ports").inputValue(), "80:http", "what was typed stays");
  assert.equal(await page.getByLabel("Memory", { exact: true }).inputValue(), "much");
});

chapter("what only the engine can know is said beside the field as well", async () => {
  expectStatus(422);
  await refused({ Image: "nowhere:1" });
  assert.match(await errorOf("Image"), /nowhere/);
  await refused({ Memory: "2m" });
  assert.match(await errorOf("Memory"), /6m/);
  await docker("create", "--name", "taken", "busybox", "true");
  await refused({ Name: "taken" });
  assert.match(await errorOf("Name"), /taken/);
  await page.goto("/containers?q=nothing-was-made");
  await page.getByRole("link", { name: /^All/ }).waitFor();
  assert.equal(await docker("ps", "-aq").then((ids) => ids.split("\n").length), 1);
});

chapter("a container whose program is missing is made, and its page says why it does not run", async () => {
  await page.goto("/containers/new");
  await page.getByLabel("Image", { exact: true }).fill("busybox");
  await page.getByLabel("Name", { exact: true }).fill("lost");
  await page.getByLabel("Command", { exact: true }).fill("/no/such/program");
  await page.getByRole("button", { name: "Create and start" }).click();
  await page.getByText(/Created, but it did not start: .*\/no\/such\/program/).waitFor();
  await page.getByRole("heading", { level: 1, name: "lost" }).waitFor();
});

chapter("a wrong Dockerfile is refused with its line and reason before anything runs", async () => {
  expectStatus(422);
  for (const [text, line, reason] of [
    ["FROM busybox\nRUN touch /ran\nCOPPY a b\n", "3", /COPPY/],
    ["RUN true\n", "1", /FROM/],
    ["FROM busybox\nEXPOSE 99999\n", "2", /99999/],
    ["FROM busybox\nRUN --mount=type=secret,id=x true\n", "2", /mount/],
  ] as const) {
    await page.goto("/builds/new");
    await page.getByLabel("Name of the image").fill("never");
    await page.locator("summary", { hasText: "Write the Dockerfile here" }).click();
    await page.getByLabel("Dockerfile", { exact: true }).fill(text);
    await page.getByRole("button", { name: "Build", exact: true }).click();
    const words = await page.locator(".field-error, [role=alert]").first().innerText();
    assert.match(words, new RegExp(`\\b${line}\\b`), words);
    assert.match(words, reason);
    assert.equal(
      (await page.getByLabel("Dockerfile", { exact: true }).inputValue()).replaceAll("\r\n", "\n").trim(),
      text.trim(),
    );
  }
  await page.goto("/builds");
  await page.getByRole("heading", { name: "No builds yet" }).waitFor();
});

chapter("nothing chosen, a bad name, a bad release: said where it belongs", async () => {
  expectStatus(422);
  await page.goto("/builds/new");
  await page.getByLabel("Name of the image").fill("UPPER:case");
  await page.getByRole("button", { name: "Build", exact: true }).click();
  assert.match(await errorOf("Name of the image"), /UPPER/);
  await page.getByLabel("Name of the image").fill("fine");
  await page.getByRole("button", { name: "Build", exact: true }).click();
  assert.match(await errorOf("Files"), /Choose files/);
  await page.goto("/images/pull");
  await page.getByLabel("Image", { exact: true }).fill("not a name");
  await page.getByRole("button", { name: "Pull", exact: true }).click();
  assert.match(await errorOf("Image"), /not a name/);
  await page.goto("/images/bootstrap");
  await page.getByLabel("Further packages").fill("curl --setup-hook=x");
  await page.getByRole("button", { name: "Bootstrap", exact: true }).click();
  assert.match(await errorOf("Further packages"), /--setup-hook/);
});

chapter("what is not there has a page that leads on", async () => {
  expectStatus(404);
  for (const path of ["/containers/nowhere", "/images/nowhere", "/jobs/nowhere", "/nowhere"]) {
    await page.goto(path);
    await page.locator("main").getByRole("link").first().waitFor();
    assert.match(await page.locator("h1").innerText(), /./);
  }
});
