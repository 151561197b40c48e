// The whole job of a person who has nothing yet: an account, a base image, a build, a container, its log and a
// shell in it, and all of it away again. Real Debian, real packages, a real client on a published port.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { chapter, open } from "../support/browser";
import { create, importFile, inState, signUp } from "../support/console";
import { told } from "../support/driver";
import { Terminal } from "../support/terminal";

const DOCKERFILE = `FROM debian
MAINTAINER someone@example.com
COPY server.py /server.py
RUN apt-get update && apt-get install -y python3 && rm -rf /var/lib/apt/lists/*
EXPOSE 50000
CMD ["python3", "/server.py"]
`;
const SERVER = `import socketserver

class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        print("a client from", self.client_address[0], flush=True)
        for line in self.rfile:
            self.wfile.write(line)

class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True

print("listening", flush=True)
Server(("", 50000), Echo).serve_forever()
`;

const page = await open();
const main = page.locator("main");

/** A port of this host that nobody has at the moment. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const place = server.address();
  server.close();
  await once(server, "close");
  return typeof place === "object" && place ? place.port : 0;
}

/** What the echo server says to a line. */
async function echo(port: number, line: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.setEncoding("utf8");
  await once(socket, "connect");
  socket.end(`${line}\n`);
  let answer = "";
  for await (const part of socket) answer += part;
  return answer.trimEnd();
}

chapter("sign-up with the token that the server printed", async () => {
  await signUp(page);
  await main.getByRole("heading", { name: "No containers yet" }).waitFor();
});

chapter(
  "the base image, from a file",
  async () => {
    await importFile(page, told("ORLOP_DEBIAN"), "debian");
    await page.getByRole("link", { name: "Show the image" }).click();
    await main.getByRole("heading", { level: 1, name: "debian" }).waitFor();
  },
  240_000,
);

chapter(
  "the folder of a Dockerfile is sent, and the build watched to its end",
  async () => {
    const folder = join(told("ORLOP_FOLDER"), "echo");
    await mkdir(folder);
    await writeFile(join(folder, "Dockerfile"), DOCKERFILE);
    await writeFile(join(folder, "server.py"), SERVER);
    await page.getByRole("link", { name: "Builds" }).click();
    await main.getByRole("link", { name: "Build image" }).first().click();
    await page.getByLabel("Name of the image").fill("echo");
    const chooser = page.waitForEvent("filechooser");
    await main.getByRole("button", { name: "Choose a folder" }).click();
    await (await chooser).setFiles(folder);
    await main.getByText("2 files").waitFor();
    await main.getByRole("button", { name: "Build", exact: true }).click();
    await page.waitForURL("**/builds/*");
    const step = page.locator(".step", { hasText: "apt-get update" });
    await page.locator('h1 .badge[data-state="working"]').waitFor();
    await step.locator('xpath=self::*[@data-state="running"]').waitFor();
    // Its output comes while it runs, without a click.
    await step.locator(".log-line", { hasText: "Setting up python3" }).first().waitFor({ timeout: 300_000 });
    await page.locator('h1 .badge[data-state="done"]').waitFor({ timeout: 120_000 });
    assert.equal(await page.locator('.step[data-state="done"]').count(), await page.locator(".step").count());
  },
  480_000,
);

chapter("the image that was built tells how", async () => {
  await main.getByRole("link", { name: "Show the image" }).first().click();
  await main.getByRole("heading", { level: 1, name: "echo" }).waitFor();
  await main.getByText("someone@example.com").first().waitFor();
  await main.getByText("50000/tcp").first().waitFor();
  for (const words of ["COPY server.py /server.py", "apt-get install -y python3", "EXPOSE", "CMD"]) {
    await main.locator("td code", { hasText: words }).first().waitFor();
  }
});

let port = 0;

chapter("a container of it answers on a published port", async () => {
  port = await freePort();
  await create(page, { image: "echo", name: "parrot", more: { "Published ports": `${port}:50000` } });
  await inState(page, "running");
  await main.getByText(`${port} → 50000/tcp`).waitFor();
  await main.getByRole("link", { name: "Logs" }).click();
  await page.locator(".log-line", { hasText: "listening" }).waitFor();
  assert.equal(await page.locator(".log-line", { hasText: "a client from" }).count(), 0);
  assert.equal(await echo(port, "Polly wants a cracker"), "Polly wants a cracker");
  await page.locator(".log-line", { hasText: "a client from" }).waitFor();
});

chapter("a shell in it", async () => {
  await main.getByRole("link", { name: "Terminal" }).click();
  await main.getByRole("button", { name: "Open terminal" }).click();
  const terminal = new Terminal(page);
  await terminal.ready();
  await terminal.run("python3 -c 'print(6 * 7)'");
  await terminal.sees(/^42$/m);
  await terminal.run("cat /etc/os-release | head -1");
  await terminal.sees(/Debian GNU\/Linux 12/);
  await terminal.run("exit");
  await main.getByText("The shell ended with code 0.").waitFor();
});

chapter("stopped and removed", async () => {
  await main.getByRole("button", { name: "Stop", exact: true }).click();
  await inState(page, "exited");
  await assert.rejects(echo(port, "anybody?"));
  await page.getByLabel("More actions").click();
  await main.getByRole("button", { name: "Remove", exact: true }).click();
  await page.getByRole("dialog").getByText("Remove parrot?").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await main.getByText("parrot removed.").waitFor();
  await main.getByRole("heading", { name: "No containers yet" }).waitFor();
});
