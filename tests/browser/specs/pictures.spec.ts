// The README's pictures: a small shop on real Debian containers, in the states that a day brings. No test: it is
// run by `cargo xtask pictures` and fails only where a page does not come to what it should show.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { chapter, open } from "../support/browser";
import { signUp } from "../support/console";
import { docker, told } from "../support/driver";
import { Terminal } from "../support/terminal";

/** Sharp on a dense screen, and still small as a file. */
const SCALE = 1.5;

const page = await open({ colorScheme: "light", deviceScaleFactor: SCALE });
const main = page.locator("main");

/** Takes a picture of what the window shows, without what only the making of it has left there. */
async function picture(name: string, of: Page = page): Promise<void> {
  await of.mouse.move(0, 0);
  await of.screenshot({ path: join(told("ORLOP_PICTURES"), `${name}.png`), animations: "disabled" });
}

/** Shows the page in a theme. */
async function theme(name: "light" | "dark", of: Page = page): Promise<void> {
  await of.emulateMedia({ colorScheme: name });
  await of.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
}

/** A log of requests, as servers write them. */
const REQUESTS = `
paths="/ /cart /api/orders /static/app.css /api/orders/1042 /search?q=rope"
n=0; while true; do for path in $paths; do
  n=$((n+1)); now=$(date +%H:%M:%S); code=200; colour=32
  if [ $((n % 17)) = 0 ]; then code=404; colour=33; fi
  printf '\\033[2m%s\\033[0m \\033[%sm%s\\033[0m GET %-22s %3s ms\\n' "$now" $colour $code "$path" $((n * 37 % 90 + 4))
  if [ $((n % 23)) = 0 ]; then echo "upstream queue is slow: 412 ms" >&2; fi
  [ $n -lt 60 ] || sleep 0.7
done; done`;

/** Builds an image of Debian that runs this script. */
async function image(name: string, script: string, more: string[] = []): Promise<void> {
  const folder = join(told("ORLOP_FOLDER"), name.replaceAll(/\W/g, "-"));
  await mkdir(folder);
  await writeFile(join(folder, "run.sh"), script);
  const lines = ["FROM debian:bookworm", "COPY run.sh /srv/run.sh", ...more, 'CMD ["sh", "/srv/run.sh"]'];
  await writeFile(join(folder, "Dockerfile"), `${lines.join("\n")}\n`);
  await docker("build", "-q", "-t", name, folder);
}

chapter(
  "a shop is set up",
  async () => {
    await signUp(page);
    await docker("import", told("ORLOP_DEBIAN"), "debian:bookworm");
    await image("shop/web:2.3", REQUESTS, ["EXPOSE 8080"]);
    await image(
      "shop/queue:2.3",
      "x=$(head -c 30000000 /dev/zero | tr '\\0' x); while :; do sleep 0.2; done",
    );
    await image("shop/search:1.9", "i=0; while :; do i=$((i+1)); [ $((i % 20000)) != 0 ] || sleep 0.3; done");
    await image("shop/backup:7", "echo 'saved 3 volumes, 214 MiB'");
    await image("shop/migrate:2.3", "echo 'migration 41: column exists already' >&2; exit 1");
    const start = (name: string, tag: string, ...more: string[]) =>
      docker("run", "-d", "--name", name, "--stop-signal", "KILL", ...more, tag);
    await start("backup", "shop/backup:7");
    await start("migrate", "shop/migrate:2.3");
    await docker("create", "--name", "web-next", "-p", "8081:8080", "shop/web:2.3");
    await start("search-old", "shop/search:1.9", "--cpus", "0.2");
    await docker("pause", "search-old");
    await start("search", "shop/search:1.9", "--cpus", "0.5", "-p", "127.0.0.1:9200:9200");
    await start("queue", "shop/queue:2.3", "-m", "256m", "--restart", "unless-stopped");
    await start("web", "shop/web:2.3", "-p", "8080:8080", "-m", "128m", "-v", "uploads:/srv/uploads");
  },
  300_000,
);

chapter("the list of containers", async () => {
  await page.goto("/containers");
  const row = page.locator("tbody tr", { has: page.getByRole("link", { name: "search", exact: true }) });
  await row.locator('[data-stat="cpu"]', { hasText: /[1-9]/ }).waitFor();
  await picture("containers-light");
  await theme("dark");
  await picture("containers-dark");
  const phone = await page.context().newPage();
  await phone.setViewportSize({ width: 390, height: 844 });
  await theme("light", phone);
  await phone.goto("/containers");
  await phone.locator('[data-stat="cpu"]', { hasText: /[1-9]/ }).first().waitFor();
  await picture("containers-phone", phone);
  await phone.close();
  await theme("light");
});

chapter("a log", async () => {
  await page.getByRole("link", { name: "web", exact: true }).click();
  await main.getByRole("link", { name: "Logs" }).click();
  await page.locator("orlop-logs .log-line[data-id]").nth(60).waitFor();
  await picture("logs-light");
});

chapter("a shell", async () => {
  await main.getByRole("link", { name: "Terminal" }).click();
  await main.getByRole("button", { name: "Open terminal" }).click();
  const terminal = new Terminal(page);
  await terminal.ready();
  await theme("dark");
  await terminal.run("PS1='\\[\\e[32m\\]web\\[\\e[0m\\]:\\[\\e[34m\\]\\w\\[\\e[0m\\]$ '; clear");
  const lines = [
    "head -3 /etc/os-release",
    "ls --color=always /",
    "ls -l --color=always /srv",
    "df -h / /srv/uploads",
  ];
  for (const [count, line] of lines.entries()) {
    await terminal.run(line);
    // One prompt for each line, and the one that waits.
    await terminal.sees(new RegExp(`(web:/\\$[^]*){${count + 2}}$`));
  }
  await picture("shell-dark");
  await theme("light");
});

chapter(
  "a build while it runs",
  async () => {
    const folder = join(told("ORLOP_FOLDER"), "echo");
    await mkdir(folder);
    const lines = [
      "FROM debian:bookworm",
      "LABEL team=shop",
      "COPY server.py /server.py",
      "RUN apt-get update && apt-get install -y python3 && rm -rf /var/lib/apt/lists/*",
      "EXPOSE 50000",
      'CMD ["python3", "/server.py"]',
    ];
    await writeFile(join(folder, "Dockerfile"), lines.join("\n"));
    await writeFile(join(folder, "server.py"), "print('hello')\n");
    await page.goto("/builds/new");
    await page.getByLabel("Name of the image").fill("shop/echo:1");
    const chooser = page.waitForEvent("filechooser");
    await main.getByRole("button", { name: "Choose a folder" }).click();
    await (await chooser).setFiles(folder);
    await main.getByText("2 files").waitFor();
    await main.getByRole("button", { name: "Build", exact: true }).click();
    await page.locator(".log-line", { hasText: "Unpacking python3" }).first().waitFor({ timeout: 240_000 });
    await picture("build-light");
    await page.locator('h1 .badge[data-state="done"]').waitFor({ timeout: 240_000 });
  },
  500_000,
);
