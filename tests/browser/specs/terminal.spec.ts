// The terminal: a shell as a chosen user, its size, a long paste, and a session that outlives the page, the window
// and the server.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chapter, expect, open } from "../support/browser";
import { signUp } from "../support/console";
import { docker, killServer, launchServer, until } from "../support/driver";
import { Terminal } from "../support/terminal";

const page = await open();
const main = page.locator("main");
const terminal = new Terminal(page);
let address = "";

chapter("a shell is opened as another user", async () => {
  await signUp(page);
  await docker("run", "-d", "--name", "box", "busybox", "sleep", "100000");
  await page.getByRole("link", { name: "box", exact: true }).click();
  await main.getByRole("link", { name: "Terminal" }).click();
  const shells = await page.getByLabel("Shell", { exact: true }).locator("option").allInnerTexts();
  assert.ok(shells.includes("/bin/sh") && shells.includes("/bin/ash"), `${shells}`);
  await page.getByLabel("Shell", { exact: true }).selectOption("/bin/ash");
  await page.getByLabel("User", { exact: true }).fill("ada");
  await page.getByLabel("Directory").fill("/tmp");
  await main.getByRole("button", { name: "Open terminal" }).click();
  address = page.url();
  await terminal.ready();
  await terminal.run('echo "$(id -un) in $(pwd) with $TERM"');
  await terminal.sees(/^ada in \/tmp with xterm-256color$/m);
  await page.locator(".term-bar").getByText("/bin/ash as ada").waitFor();
});

chapter("its size is that of the window", async () => {
  const size = async () => {
    await terminal.run("clear; stty size");
    await terminal.sees(/^\d+ \d+$/m);
    return (
      /^(\d+) (\d+)$/m
        .exec(await terminal.text())
        ?.slice(1)
        .map(Number) ?? []
    );
  };
  const [rows = 0, columns = 0] = await size();
  assert.equal(await page.locator(".xterm-rows > div").count(), rows, "as many rows as are drawn");
  await page.setViewportSize({ width: 900, height: 600 });
  await until("a smaller size", async () => {
    const [now = 0, wide = 0] = await size();
    return now < rows && wide < columns;
  });
  await page.setViewportSize({ width: 1280, height: 800 });
  await until("the size before", async () => {
    const [now, wide] = await size();
    return now === rows && wide === columns;
  });
});

chapter("a long paste arrives whole", async () => {
  const text = Array.from({ length: 3000 }, (_, line) => `${line} the quick brown fox, für immer ✓`).join(
    "\n",
  );
  await terminal.run("clear; stty -echo; cat > /tmp/pasted; stty echo; echo taken");
  await page.locator(".xterm-helper-textarea").evaluate((node, pasted) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", pasted);
    node.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
  }, `${text}\n`);
  await page.keyboard.press("Control+d");
  await terminal.sees(/^taken$/m);
  await terminal.run("md5sum < /tmp/pasted");
  const sum = createHash("md5").update(`${text}\n`).digest("hex");
  await terminal.sees(new RegExp(`^${sum}`, "m"));
});

chapter("a reload comes back to the same session and its scrollback", async () => {
  await terminal.run("clear; kept=treasure; i=0; while [ $i -lt 100 ]; do echo row $i; i=$((i+1)); done");
  await terminal.sees(/^row 99$/m);
  await page.reload();
  await terminal.ready();
  await terminal.sees(/^row 99$/m);
  await until("the first row, far above", async () => {
    await page.keyboard.press("Shift+PageUp");
    return /^row 0$/m.test(await terminal.text());
  });
  await terminal.run("echo still $kept");
  await terminal.sees(/^still treasure$/m);
});

chapter("the session goes on after the death of the server", async () => {
  expect(/WebSocket/, /ERR_CONNECTION_REFUSED/);
  await terminal.run("clear; (while ! [ -e /tmp/go ]; do :; done; echo said meanwhile) & echo armed");
  // What is typed while the server dies may be lost: only then is it safe to kill it.
  await terminal.sees(/^armed$/m);
  await killServer();
  await page.locator('.term-bar [data-link="waiting"]').waitFor();
  await launchServer();
  await page.locator('.term-bar [data-link="open"]').waitFor();
  await docker("exec", "box", "touch", "/tmp/go");
  await terminal.sees(/said meanwhile$/m);
  await terminal.run("echo and $kept");
  await terminal.sees(/^and treasure$/m);
});

chapter("another window takes the session over", async () => {
  const other = await page.context().newPage();
  await other.goto(address);
  const second = new Terminal(other);
  await second.ready();
  await main.getByText("This terminal goes on in another window.").waitFor();
  await second.run("echo here now");
  await second.sees(/^here now$/m);
  await other.close();
  await page.reload();
  await terminal.ready();
  await terminal.sees(/^here now$/m);
});

chapter("a session is ended from its list, and one that ends by itself says so", async () => {
  await main.getByRole("button", { name: "End", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "End" }).click();
  await main.getByText("The terminal and everything in it has ended.").waitFor();
  assert.equal(await main.getByText("Open terminals").count(), 0);
  await page.getByLabel("Program instead of a shell").fill("sh -c 'echo bye; exit 7'");
  await main.getByRole("button", { name: "Open terminal" }).click();
  await main.getByText("The shell ended with code 7.").waitFor();
  await terminal.sees(/^bye$/m);
  await main.getByRole("link", { name: "Open another" }).click();
  await main.getByRole("heading", { name: "Open a terminal" }).waitFor();
});

chapter("what cannot be run is said", async () => {
  await page.getByLabel("User", { exact: true }).fill("nobody-here");
  await main.getByRole("button", { name: "Open terminal" }).click();
  await main
    .getByText(/nobody-here/)
    .first()
    .waitFor();
  await main.getByRole("link", { name: "Terminal" }).click();
  await page.getByLabel("Program instead of a shell").fill("/no/such/program");
  await main.getByRole("button", { name: "Open terminal" }).click();
  await main
    .getByText(/\/no\/such\/program.*(not found|no such file)/i)
    .first()
    .waitFor();
});

chapter("a page that waits for a terminal follows the container's state", async () => {
  await main.getByRole("link", { name: "Terminal" }).click();
  await main.getByRole("button", { name: "Open terminal" }).waitFor();
  await docker("kill", "box");
  await main.getByText("A terminal needs a running container.").waitFor();
  await main.locator(".empty").getByRole("button", { name: "Start" }).click();
  await main.getByRole("button", { name: "Open terminal" }).waitFor();
});
